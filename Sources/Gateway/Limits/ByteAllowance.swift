// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOCore

/// The right of one file's body to the caller's bytes: of the day, and of the second.
///
/// It ends once: by ``end(sent:)``, or when it is dropped.
final class ByteAllowance: Sendable {
    private let limits: CallerLimits
    private let body: UInt64

    init(_ limits: CallerLimits, body: UInt64) {
        self.limits = limits
        self.body = body
    }

    /// Waits until bytes may go; how many of the `count` that are at hand, at least one.
    func take(upTo count: Int) async throws(ProviderError) -> Int {
        while true {
            switch self.limits.turn(of: self.body, wanting: count) {
            case .go(let granted): return granted
            case .wait(let time): do { try await self.limits.sleep(time) } catch { throw .cancelled }
            }
        }
    }

    /// Gives back what was promised and not sent; from the second time on, nothing happens.
    func end(sent: Int64?) { self.limits.end(self.body, sent: sent) }

    deinit { self.end(sent: nil) }
}

extension ContentBody {
    /// This body, no faster than its allowance lets it go.
    func metered(by allowance: ByteAllowance) -> ContentBody {
        ContentBody(reading: MeteredReader(self.makeReader(), allowance))
    }
}

/// The one iteration of a body that goes as its caller may have it.
private final class MeteredReader: ContentReader {
    private let source: any ContentReader
    private let allowance: ByteAllowance
    private var rest = ByteBuffer()

    init(_ source: any ContentReader, _ allowance: ByteAllowance) {
        self.source = source
        self.allowance = allowance
    }

    func next() async throws(ProviderError) -> ByteBuffer? {
        if self.rest.readableBytes == 0 {
            guard let buffer = try await self.source.next() else { return nil }
            self.rest = buffer
        }
        return self.rest.readSlice(length: try await self.allowance.take(upTo: self.rest.readableBytes))
    }
}
