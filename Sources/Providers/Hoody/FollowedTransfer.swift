// SPDX-License-Identifier: Apache-2.0

import Downloads

/// The transfer of a ``HoodyCreation``, looked at again and again: which one it is, whether it runs, and how it ended.
struct FollowedTransfer {
    /// What one look has shown.
    enum Sight {
        /// It runs, or may.
        case running
        /// It brought the file.
        case arrived(Download)
        /// It never began, or ended without the file: nothing of it runs any more.
        case over(ProviderError)
    }

    private let creation: HoodyCreation
    private let answer: StartAnswer
    private var checkpoint: HoodyCreation.Checkpoint
    /// What was answered to the start, once it was read here.
    private var heard: HoodyAPI.Start?
    /// How many looks in a row found it in neither list.
    private var gaps = 0
    /// What the look before took for it while there was no answer, and what was told to be it.
    private var seen: String?
    private var shown: String?

    /// How often a transfer may be in neither of the server's lists, on its way into one or from one to the other.
    private static let mostGaps = 5

    init(of creation: HoodyCreation, _ checkpoint: HoodyCreation.Checkpoint, _ answer: StartAnswer) {
        self.creation = creation
        self.checkpoint = checkpoint
        self.answer = answer
    }

    /// Looks once; throws where the server cannot be asked, which says nothing of the transfer.
    mutating func look() async throws(ProviderError) -> Sight {
        if let refusal = await self.hear() { return .over(refusal) }
        let running = try await self.creation.provider.api.active()
        // An answer that came meanwhile says more than the list.
        if let refusal = await self.hear() { return .over(refusal) }
        guard let id = self.checkpoint.transfer else { return try await self.search(running) }
        guard let transfer = running.first(where: { $0.id == id }) else { return try await self.end(of: id) }
        self.gaps = 0
        self.creation.tell(transfer)
        return .running
    }

    /// Reads the answer to the start, once it is there; returns a refusal.
    private mutating func hear() async -> ProviderError? {
        guard self.checkpoint.transfer == nil, self.heard == nil, let answer = self.answer.value else { return nil }
        self.heard = answer
        switch answer {
        case .begun(let id):
            if let id { await self.adopt(id) }
            return nil
        case .unclear: return nil
        case .refused(let error): return error
        }
    }

    private mutating func adopt(_ id: String) async {
        self.gaps = 0
        self.checkpoint.transfer = id
        await self.creation.keep(self.checkpoint)
    }

    /// Finds the transfer in the lists, where the answer to its start does not name it.
    private mutating func search(_ running: [HoodyAPI.Transfer]) async throws(ProviderError) -> Sight {
        guard let heard else {
            await self.show(running)
            return .running
        }
        let ended = try await self.creation.provider.api.history()
        if let id = self.creation.match(running + ended, self.checkpoint) {
            await self.adopt(id)
            return .running
        }
        if case .unclear(let error) = heard { return self.absent(error) }
        return self.absent()
    }

    /// Tells of what runs while the answer is to come, where only one transfer can be it; which one it is, the answer decides.
    private mutating func show(_ running: [HoodyAPI.Transfer]) async {
        let matches = self.creation.matches(running, self.checkpoint)
        guard let transfer = matches.first, let id = transfer.id, matches.count == 1 else {
            self.seen = nil
            return
        }
        self.creation.tell(transfer)
        // Not at the first look: the answer may be a refusal on its way, and the transfer somebody else's.
        if self.seen == id, self.shown != id {
            self.shown = id
            await self.creation.keep(self.checkpoint, listedAs: id)
        }
        self.seen = id
    }

    /// How a transfer ended that does not run any more; it may not be in the history yet.
    private mutating func end(of id: String) async throws(ProviderError) -> Sight {
        let provider = self.creation.provider
        let ended = try await provider.api.history().first { $0.id == id }
        guard let ended, let reference = self.creation.reference(id) else { return self.absent() }
        switch ended.state {
        case .queued, .downloading: return self.absent()
        case .completed: return .arrived(try await provider.download(reference))
        case .cancelled: return .over(.failed(.conflict, .never, "Somebody stopped the transfer on the server."))
        case .failed:
            let failure = ended.failure(provider.words.clean)
            let code = failure?.code ?? .networkError
            let retry: ProviderError.Retry = code == .networkError ? .now : .never
            return .over(.failed(code, retry, failure?.message ?? "The transfer failed."))
        }
    }

    /// It is in neither list: after a few of those looks in a row it is not on the server, for which `error` is the reason.
    private mutating func absent(_ error: ProviderError = Self.lost) -> Sight {
        self.gaps += 1
        return self.gaps < Self.mostGaps ? .running : .over(error)
    }

    /// The server does not know it.
    static let lost = ProviderError.failed(.networkError, .now, "The server has lost the transfer.")
}
