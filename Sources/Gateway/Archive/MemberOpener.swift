// SPDX-License-Identifier: Apache-2.0

import Downloads

/// Opens the files of an archive in their order, and the next ones ahead, so that small files do not wait one for the other.
///
/// Only what will be read soon is opened: an upstream does not keep a connection for a reader who does not come. Not `Sendable`: it
/// is used by the one reader that owns it; letting go of it ends what was opened.
final class MemberOpener {
    typealias Opening = Task<Result<OpenedContent, ProviderError>, Never>

    /// How many files are open besides the one that is read.
    static let most = 4
    /// How many bytes at most are to be read before a file's turn comes.
    static let window: Int64 = 1 << 20

    private let body: ArchiveBody
    private var waiting: ArraySlice<Archive.Member>
    private var openings: [(member: Archive.Member, task: Opening)] = []

    /// Opens `members`; `first` is the first of them, where it is open already.
    init(_ body: ArchiveBody, _ members: [Archive.Member], first: OpenedContent?) {
        self.body = body
        self.waiting = members[...]
        if let first, let member = self.waiting.popFirst() {
            self.openings = [(member, Task { .success(first) })]
        }
    }

    deinit {
        for opening in self.openings { opening.task.cancel() }
    }

    /// The next member, opened or not to be opened; `nil` after the last.
    func next() async -> (Archive.Member, Result<OpenedContent, ProviderError>)? {
        if self.openings.isEmpty { self.openNext() }
        guard let opening = self.openings.first else { return nil }
        let result = await withTaskCancellationHandler {
            await opening.task.value
        } onCancel: {
            opening.task.cancel()
        }
        self.openings.removeFirst()
        return (opening.member, result)
    }

    /// Opens what comes up, where `rest` bytes are left of the present file.
    func openAhead(of rest: Int64) {
        var before = rest
        for opening in self.openings { before += opening.member.listed.download.size ?? Self.window + 1 }
        while self.openings.count < Self.most, before <= Self.window, let member = self.waiting.first {
            self.openNext()
            before += member.listed.download.size ?? Self.window + 1
        }
    }

    private func openNext() {
        guard let member = self.waiting.popFirst() else { return }
        let body = self.body
        let task = Opening {
            do throws(ProviderError) {
                return .success(try await body.open(member))
            } catch {
                return .failure(error)
            }
        }
        self.openings.append((member, task))
    }
}
