// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import NIOConcurrencyHelpers
import NIOCore

/// Bytes to be put into a provider, which may end in an error, and who was told what of it.
final class TestSource: Sendable {
    /// All of them.
    let bytes: ByteBuffer
    /// Where it breaks off the next times.
    private let breaks: NIOLockedValueBox<[(at: Int64, error: ProviderError)]>
    private let opened = NIOLockedValueBox<[Int64]>([])
    private let kept = NIOLockedValueBox<Data?>(nil)
    private let told = NIOLockedValueBox<[CreateProgress]>([])

    init(_ count: Int, breaks: [(at: Int64, error: ProviderError)] = []) {
        var bytes = ByteBuffer()
        for word in 0...UInt64(count / 8) { bytes.writeInteger(word &* 0x9E37_79B9_7F4A_7C15) }
        bytes.moveWriterIndex(to: count)
        self.bytes = bytes
        self.breaks = NIOLockedValueBox(breaks)
    }

    var sha256: String {
        self.bytes.withUnsafeReadableBytes { SHA256.hash(data: $0) }
            .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// From where it was opened, in order.
    var offsets: [Int64] { self.opened.withLockedValue { $0 } }
    /// What a later try goes on from.
    var checkpoint: Data? { self.kept.withLockedValue { $0 } }
    /// What was told of the way.
    var progress: [CreateProgress] { self.told.withLockedValue { $0 } }

    var report: CreateReport {
        CreateReport(
            progress: { progress in self.told.withLockedValue { $0.append(progress) } },
            keep: { checkpoint, _ in self.kept.withLockedValue { $0 = checkpoint } }
        )
    }

    /// The source as a provider is given it; it may promise another size and another digest.
    func source(size: Int64? = nil, isOfUnknownSize: Bool = false, digest: String? = nil) -> UploadSource {
        let size = isOfUnknownSize ? nil : size ?? Int64(self.bytes.readableBytes)
        return UploadSource(size: size, revision: "r1", digest: { digest }) { offset async throws(ProviderError) in
            self.opened.withLockedValue { $0.append(offset) }
            let failure = self.breaks.withLockedValue { $0.isEmpty ? nil : $0.removeFirst() }
            return self.body(from: offset, failure)
        }
    }

    private func body(from offset: Int64, _ failure: (at: Int64, error: ProviderError)?) -> ContentBody {
        ContentBody {
            var position = Int(offset)
            return { () async throws(ProviderError) -> ByteBuffer? in
                let end = min(position + 16_384, failure.map { Int($0.at) } ?? .max, self.bytes.readableBytes)
                if let failure, position >= failure.at { throw failure.error }
                guard position < end else { return nil }
                defer { position = end }
                return self.bytes.getSlice(at: position, length: end - position)
            }
        }
    }
}
