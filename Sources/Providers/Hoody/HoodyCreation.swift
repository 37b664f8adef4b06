// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// One try to have a Hoody server bring a URL in: started there, and followed to its end.
///
/// The start may answer at once (the seed's server) or when all is done (newer ones), so it runs beside the following. Where its
/// answer is missing, after a crash or a broken connection, the transfer is found by folder, name and time: it is never
/// started twice while it may be running.
struct HoodyCreation: Sendable {
    /// What a later try goes on from.
    struct Checkpoint: Codable, Sendable {
        /// The server's id of the transfer, once it is known.
        var transfer: String?
        /// When it was told to begin; `nil`: it was not.
        var startedAt: Date?
    }

    let provider: HoodyProvider
    let work: CreateWork
    let report: CreateReport
    let folder: HoodyPath
    let name: String
    let now: @Sendable () -> Date

    private static let pollInterval = Duration.seconds(1)
    /// How often a transfer may be in neither of the server's lists, on its way from one to the other.
    private static let mostGaps = 5
    /// How far the server's clock may be behind ours.
    private static let clockSkew: TimeInterval = 120

    func run() async throws(ProviderError) -> Download {
        var checkpoint = self.kept
        if checkpoint.transfer == nil, checkpoint.startedAt != nil {
            checkpoint.transfer = try await self.find(since: checkpoint.startedAt)?.id
        }
        var start: Task<Result<String?, ProviderError>, Never>?
        if checkpoint.transfer == nil {
            checkpoint.startedAt = self.now()
            await self.keep(checkpoint)
            start = Task { @concurrent in await self.start() }
        }
        defer { start?.cancel() }
        let answer = StartAnswer()
        let watch = start.map { start in Task { answer.set(await start.value) } }
        defer { watch?.cancel() }
        do throws(ProviderError) {
            return try await self.follow(&checkpoint, answer)
        } catch {
            // A transfer that has failed is not gone on with: the next try starts anew.
            if error.kind != .cancelled { await self.keep(Checkpoint()) }
            throw error
        }
    }

    /// Ends what an earlier try left running.
    func abandon() async throws(ProviderError) {
        let checkpoint = self.kept
        guard checkpoint.startedAt != nil else { return }
        let running = try await self.provider.api.active()
        let mine = running.first { $0.id != nil && $0.id == checkpoint.transfer }
        guard let transfer = mine ?? self.match(running, since: checkpoint.startedAt) else { return }
        try await self.provider.cancel(transfer)
    }

    private var kept: Checkpoint {
        self.work.checkpoint.flatMap { try? JSONDecoder().decode(Checkpoint.self, from: $0) } ?? Checkpoint()
    }

    private func keep(_ checkpoint: Checkpoint) async {
        let data = (try? JSONEncoder().encode(checkpoint)) ?? Data()
        await self.report.keep(data, checkpoint.transfer.flatMap(self.reference))
    }

    private func reference(_ transfer: String) -> DownloadReference? {
        ItemKey.make("t", transfer).map {
            DownloadReference(provider: self.provider.id, session: self.folder.session, item: $0)
        }
    }

    // MARK: Starting

    private func start() async -> Result<String?, ProviderError> {
        do {
            return .success(try await self.provider.api.start(self.work.request, into: self.folder, named: self.name))
        } catch {
            return .failure(error)
        }
    }

    /// The transfer of this work, running or ended.
    private func find(since time: Date?) async throws(ProviderError) -> HoodyAPI.Transfer? {
        if let running = self.match(try await self.provider.api.active(), since: time) { return running }
        return self.match(try await self.provider.api.history(), since: time)
    }

    private func match(_ transfers: [HoodyAPI.Transfer], since time: Date?) -> HoodyAPI.Transfer? {
        guard let time, let path = self.folder.child(self.name) else { return nil }
        // A newer server cuts user and query off the URL.
        let url = self.work.request.url.prefix { $0 != "?" }
        return transfers.last { transfer in
            transfer.path == path && (transfer.url?.hasPrefix(url) ?? true)
                && transfer.startedAt.map { $0 >= time.addingTimeInterval(-Self.clockSkew) } ?? true
        }
    }

    // MARK: Following

    private func follow(
        _ checkpoint: inout Checkpoint,
        _ answer: StartAnswer
    ) async throws(ProviderError) -> Download {
        var gaps = 0
        while true {
            if checkpoint.transfer == nil, let answered = answer.value {
                let id = try answered.get()
                // Who answers without an id has it in the lists.
                checkpoint.transfer = if let id { id } else { try await self.find(since: checkpoint.startedAt)?.id }
                await self.keep(checkpoint)
            }
            let running = try await self.provider.api.active()
            let mine = checkpoint.transfer.map { id in running.first { $0.id == id } }
            if let transfer = mine ?? self.match(running, since: checkpoint.startedAt) {
                gaps = 0
                if checkpoint.transfer == nil, let id = transfer.id {
                    checkpoint.transfer = id
                    await self.keep(checkpoint)
                }
                self.tell(transfer)
            } else if checkpoint.transfer != nil || answer.value != nil {
                if let download = try await self.ended(checkpoint) { return download }
                gaps += 1
                guard gaps < Self.mostGaps else { throw Self.lost }
            }
            do { try await self.provider.sleep(Self.pollInterval) } catch { throw .cancelled }
        }
    }

    private func tell(_ transfer: HoodyAPI.Transfer) {
        self.report.progress(
            CreateProgress(
                name: self.name,
                receivedBytes: transfer.receivedBytes ?? 0,
                totalBytes: transfer.totalBytes
            )
        )
    }

    /// The download, where the history says that it is there; `nil` where it does not have it yet.
    private func ended(_ checkpoint: Checkpoint) async throws(ProviderError) -> Download? {
        let history = try await self.provider.api.history()
        let transfer =
            checkpoint.transfer.map { id in history.first { $0.id == id } }
            ?? self.match(history, since: checkpoint.startedAt)
        guard let transfer, let reference = transfer.id.flatMap(self.reference) else { return nil }
        switch transfer.state {
        case .queued, .downloading: return nil
        case .completed: return try await self.provider.download(reference)
        case .cancelled:
            throw Self.failure(.conflict, .never, "Somebody stopped the transfer on the server.")
        case .failed:
            let failure = transfer.failure(self.provider.words.clean)
            let code = failure?.code ?? .networkError
            throw Self.failure(code, code == .networkError ? .now : .never, failure?.message ?? "The transfer failed.")
        }
    }

    private static let lost = Self.failure(.networkError, .now, "The server has lost the transfer.")

    private static func failure(
        _ code: DownloadFailure.Code,
        _ retry: ProviderError.Retry,
        _ message: String
    ) -> ProviderError {
        ProviderError(.failed(DownloadFailure(code: code, message: message)), retry: retry, message: message)
    }
}
