// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Simulators
import Synchronization
import Testing

@testable import Providers

/// Uploads whose transfer ends while their source is still being read.
@Suite struct BrokenUploadTests {
    /// The end of a transfer lets go of its source, which is then cancelled, and not why the transfer ended.
    @Test func aSourceThatIsLetGoOfIsNotTheReason() async throws {
        let sent = SentBody(Self.endlessBody())
        let reading = Task { for try await _ in sent {} }
        reading.cancel()
        await #expect(throws: ProviderError.self) { try await reading.value }
        #expect(sent.failure == nil)
        let broken = SentBody(
            ContentBody { { () async throws(ProviderError) in throw ProviderError(.timeout, message: "Too slow.") } }
        )
        await #expect(throws: ProviderError.self) { for try await _ in broken {} }
        #expect(broken.failure?.kind == .timeout)
    }

    /// A few bytes, and then none until nobody waits any more.
    private static func endlessBody() -> ContentBody {
        ContentBody {
            var isFirst = true
            return { () async throws(ProviderError) -> ByteBuffer? in
                defer { isFirst = false }
                if isFirst { return ByteBuffer(string: "some") }
                while !Task.isCancelled { try? await Task.sleep(for: .seconds(60)) }
                throw .cancelled
            }
        }
    }

    /// A part is sent again while somebody still waits for the source's bytes on behalf of the first time.
    @Test func whoReadsAPartThatIsBegunAnewGetsNothingMore() async throws {
        let gate = RawGate()
        let opened = Mutex(0)
        let source = UploadSource(size: 10, revision: "r") { offset async throws(ProviderError) in
            let isFirst = opened.withLock { count in
                count += 1
                return count == 1
            }
            guard isFirst else { return ContentBody(ByteBuffer(string: String("0123456789".dropFirst(Int(offset))))) }
            return ContentBody {
                { () async throws(ProviderError) -> ByteBuffer? in
                    await gate.wait()
                    return ByteBuffer(string: "XXXXX")
                }
            }
        }
        let reader = UploadReader(source) { _ in }
        let first = Task { () async -> ProviderError? in
            await failure { for try await _ in try await reader.part(0..<10) {} }
        }
        while opened.withLock({ $0 }) == 0 { await Task.yield() }
        var second = try await reader.part(0..<10).makeAsyncIterator()
        gate.open()
        #expect(await first.value?.kind == .cancelled)
        var text = ""
        while let bytes = try await second.next() { text += String(buffer: bytes) }
        #expect(text == "0123456789")
    }
}
