// SPDX-License-Identifier: Apache-2.0

import Downloads
import Logging

/// Takes the members of an archive out of the archives that upstreams have of whole containers: one request for many files.
///
/// It is a way to have them sooner, and nothing hangs on it: members that do not come by are the ``rest``, to be opened one by
/// one. Not `Sendable`: it is used by the one reader that owns it.
final class ContainerReader {
    private typealias Current = (files: any ArchivedFiles, members: [DownloadReference: Archive.Member])

    private let body: ArchiveBody
    private var waiting: ArraySlice<[Archive.Member]>
    private var current: Current?
    private var read: Set<DownloadReference> = []

    /// `first` is the archive of the first container, where it is open already.
    init(_ body: ArchiveBody, first: (any ArchivedFiles)?) {
        self.body = body
        self.waiting = body.archive.containers[...]
        // Whether there is one for the first, the archive's beginning has asked.
        if let members = self.waiting.popFirst(), let first { self.current = Self.current(first, members) }
    }

    /// The members that did not come by, in their order.
    var rest: [Archive.Member] {
        self.body.archive.members.filter { !self.read.contains($0.listed.download.reference) }
    }

    /// The next member; `nil` after the last.
    ///
    /// Throws `cancelled` only.
    func next() async throws(ProviderError) -> (Archive.Member, OpenedContent)? {
        while true {
            do throws(ProviderError) {
                if self.current == nil {
                    guard let members = self.waiting.popFirst() else { return nil }
                    let files = try await self.body.openArchive(members.map(\.listed.download))
                    self.current = Self.current(files, members)
                }
                if let found = try await self.nextFile() { return found }
                self.current = nil
            } catch {
                guard error.kind != .cancelled else { throw error }
                self.giveUp(error)
            }
        }
    }

    private static func current(_ files: any ArchivedFiles, _ members: [Archive.Member]) -> Current {
        (files, Dictionary(members.map { ($0.listed.download.reference, $0) }, uniquingKeysWith: { first, _ in first }))
    }

    private func nextFile() async throws(ProviderError) -> (Archive.Member, OpenedContent)? {
        while let current, let file = try await current.files.next() {
            guard let member = current.members[file.reference], self.read.insert(file.reference).inserted else {
                continue
            }
            let download = member.listed.download
            let logger = self.body.logger
            let body = file.body.held(to: download.size, sha256: download.checksum).reporting { error in
                logger.warning(
                    "A download broke off in its upstream's archive: \(error.message)",
                    metadata: ["provider": "\(download.reference.provider)", "cause": "\(error.cause ?? "-")"]
                )
            }
            return (member, OpenedContent(download: download, length: download.size, body: body))
        }
        return nil
    }

    private func giveUp(_ error: ProviderError) {
        self.current = nil
        guard error.kind != .unsupported else { return }
        self.body.logger.warning(
            "An upstream's archive cannot be read; its files are opened one by one: \(error.message)",
            metadata: ["cause": "\(error.cause ?? "-")"]
        )
    }
}
