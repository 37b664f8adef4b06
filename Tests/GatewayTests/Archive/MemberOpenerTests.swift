// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Logging
import NIOCore
import Synchronization
import Testing

@testable import Gateway

@Suite struct MemberOpenerTests {
    /// What was asked for, in its order, and what of it waits for a gate.
    private final class Upstream: Sendable {
        let names = Mutex<[String]>([])
        let ended = Mutex(0)
        let gate = Gate()
    }

    private func opener(_ sizes: [Int64?], _ upstream: Upstream, waits: Bool = false) throws -> MemberOpener {
        let provider = try #require(ProviderID("alpha"))
        let files = sizes.enumerated().map { index, size in
            let reference = DownloadReference(provider: provider, session: "s", item: "\(index)")
            return ListedDownload(
                id: "dl_\(index)",
                download: Download(reference: reference, name: "\(index)", size: size)
            )
        }
        let body = ArchiveBody(
            archive: Archive(files, usesFolders: false, missing: [], onError: .breaks),
            policy: ArchivePolicy(),
            openContent: { download async throws(ProviderError) in
                upstream.names.withLock { $0.append(download.name) }
                if waits {
                    do { try await upstream.gate.wait() } catch {
                        upstream.ended.withLock { $0 += 1 }
                        throw .cancelled
                    }
                }
                return OpenedContent(download: download, length: download.size, body: ContentBody(ByteBuffer()))
            },
            openArchive: { _ async throws(ProviderError) in throw .cancelled },
            instant: { .now },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        return MemberOpener(body, body.archive.members, first: nil)
    }

    private func open(_ opener: MemberOpener, _ upstream: Upstream, until count: Int) async throws {
        try await eventually("\(count) files were asked for") { upstream.names.withLock { $0.count } >= count }
    }

    @Test func nothingIsOpenedLongBeforeItsTurn() async throws {
        let upstream = Upstream()
        let opener = try self.opener([5 << 20, 10, 10, nil, 10], upstream)
        _ = await opener.next()
        opener.openAhead(of: (1 << 20) + 1)
        #expect(upstream.names.withLock { $0 } == ["0"])
        // Behind a file of unknown size nobody knows when the next one's turn comes.
        opener.openAhead(of: 1 << 20)
        try await self.open(opener, upstream, until: 2)
        opener.openAhead(of: 0)
        try await self.open(opener, upstream, until: 4)
        #expect(upstream.names.withLock { $0.sorted() } == ["0", "1", "2", "3"])
        for index in 1...4 { #expect(await opener.next()?.0.path == "\(index)") }
        #expect(await opener.next() == nil)
    }

    @Test func atMostFourAreOpenedAhead() async throws {
        let upstream = Upstream()
        let opener = try self.opener(Array(repeating: 10, count: 20), upstream)
        _ = await opener.next()
        for _ in 1...3 { opener.openAhead(of: 0) }
        try await self.open(opener, upstream, until: 5)
        #expect(upstream.names.withLock { $0.count } == 1 + MemberOpener.most)
        for index in 1..<20 { #expect(await opener.next()?.0.path == "\(index)") }
    }

    @Test func lettingGoEndsWhatIsBeingOpened() async throws {
        let upstream = Upstream()
        var opener: MemberOpener? = try self.opener([10, 10, 10], upstream, waits: true)
        opener?.openAhead(of: 0)
        try await eventually("three files were asked for") { upstream.names.withLock { $0.count } == 3 }
        opener = nil
        try await eventually("all were given up") { upstream.ended.withLock { $0 } == 3 }
    }
}
