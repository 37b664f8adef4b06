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
        /// The ids of those that were there before it and could be taken for it; `nil`: nobody looked.
        var others: [String]?
    }

    let provider: HoodyProvider
    let work: CreateWork
    let report: CreateReport
    let folder: HoodyPath
    let name: String
    let now: @Sendable () -> Date

    private static let pollInterval = Duration.seconds(1)
    /// The longest pause that a server may ask for between two polls.
    private static let longestPause = Duration.seconds(60)
    /// How often in a row a poll may fail before the try does.
    private static let mostFailures = 5
    /// How far the server's clock may be behind ours.
    private static let clockSkew: TimeInterval = 120

    func run() async throws(ProviderError) -> Download {
        let kept = self.kept
        // It was told to begin; where its id is not kept, nobody heard the answer.
        if kept.startedAt != nil || kept.transfer != nil {
            return try await self.follow(kept, StartAnswer(.unclear(FollowedTransfer.lost)))
        }
        let checkpoint = try await self.begin()
        let answer = StartAnswer()
        let start = Task { @concurrent in
            answer.set(await self.provider.api.start(self.work.request, into: self.folder, named: self.name))
        }
        defer { start.cancel() }
        return try await self.follow(checkpoint, answer)
    }

    /// Ends what an earlier try left running.
    ///
    /// One that cannot be told from another goes on: somebody else's must not be stopped.
    func abandon() async throws(ProviderError) {
        let checkpoint = self.kept
        guard checkpoint.startedAt != nil || checkpoint.transfer != nil else { return }
        let running = try await self.provider.api.active()
        let mine =
            if let id = checkpoint.transfer { running.filter { $0.id == id } } else {
                self.matches(running, checkpoint)
            }
        guard let transfer = mine.first, mine.count == 1 else { return }
        try await self.provider.cancel(transfer)
    }

    // MARK: What is kept

    private var kept: Checkpoint {
        self.work.checkpoint.flatMap { try? JSONDecoder().decode(Checkpoint.self, from: $0) } ?? Checkpoint()
    }

    /// Keeps a checkpoint, and that the server's lists show the download as `transfer`.
    func keep(_ checkpoint: Checkpoint, listedAs transfer: String? = nil) async {
        let data = (try? JSONEncoder().encode(checkpoint)) ?? Data()
        await self.report.keep(data, (transfer ?? checkpoint.transfer).flatMap(self.reference))
    }

    func reference(_ transfer: String) -> DownloadReference? {
        ItemKey.make("t", transfer).map {
            DownloadReference(provider: self.provider.id, session: self.folder.session, item: $0)
        }
    }

    /// Keeps that it is told to begin, and which transfers cannot be its own, before it is.
    private func begin() async throws(ProviderError) -> Checkpoint {
        // In this order: a transfer that ends meanwhile goes from the first list into the second.
        let earlier = try await self.provider.api.active() + self.provider.api.history()
        var checkpoint = Checkpoint(startedAt: self.now())
        checkpoint.others = Set(self.matches(earlier, checkpoint).compactMap(\.id)).sorted()
        await self.keep(checkpoint)
        return checkpoint
    }

    // MARK: Which one it is

    /// The transfers that may be this work's: into its path, from its URL, begun no earlier, and not there before it.
    func matches(_ transfers: [HoodyAPI.Transfer], _ checkpoint: Checkpoint) -> [HoodyAPI.Transfer] {
        guard let time = checkpoint.startedAt, let path = self.folder.child(self.name) else { return [] }
        // A newer server cuts user and query off the URL.
        let url = self.work.request.url.prefix { $0 != "?" }
        let others = Set(checkpoint.others ?? [])
        return transfers.filter { transfer in
            guard let id = transfer.id, !others.contains(id), transfer.path == path else { return false }
            return (transfer.url?.hasPrefix(url) ?? true)
                && transfer.startedAt.map { $0 >= time.addingTimeInterval(-Self.clockSkew) } ?? true
        }
    }

    /// The one of those that began nearest to when this work was told to: the lists are in no order that is promised.
    func match(_ transfers: [HoodyAPI.Transfer], _ checkpoint: Checkpoint) -> String? {
        func distance(_ transfer: HoodyAPI.Transfer) -> TimeInterval {
            guard let time = checkpoint.startedAt, let began = transfer.startedAt else { return .infinity }
            return abs(began.timeIntervalSince(time))
        }
        return self.matches(transfers, checkpoint).min { distance($0) < distance($1) }?.id
    }

    // MARK: Following

    /// Looks at the transfer until it has ended.
    ///
    /// Only where it has ended badly, or never began, the next try starts anew; after any other error it goes on with this one.
    private func follow(
        _ checkpoint: Checkpoint,
        _ answer: StartAnswer
    ) async throws(ProviderError) -> Download {
        var transfer = FollowedTransfer(of: self, checkpoint, answer)
        var failures = 0
        while true {
            var pause = Self.pollInterval
            var sight = FollowedTransfer.Sight.running
            do throws(ProviderError) {
                sight = try await transfer.look()
                failures = 0
            } catch {
                // While its start waits for an answer, giving up would break that off, and maybe the transfer with it.
                failures = answer.value == nil ? 0 : failures + 1
                guard failures < Self.mostFailures, let longer = Self.pause(after: error) else { throw error }
                pause = longer
            }
            switch sight {
            case .running: break
            case .arrived(let download): return download
            case .over(let error):
                await self.keep(Checkpoint())
                throw error
            }
            do { try await self.provider.sleep(pause) } catch { throw .cancelled }
        }
    }

    /// How long to wait after a poll that failed; `nil` where another would fail too.
    ///
    /// What cannot be understood may be a page that stands before a server for a moment.
    private static func pause(after error: ProviderError) -> Duration? {
        switch error.retry {
        case .after(let wait): min(max(wait, self.pollInterval), self.longestPause)
        case .now: self.pollInterval
        case .never: error.kind == .malformedResponse ? self.pollInterval : nil
        }
    }

    func tell(_ transfer: HoodyAPI.Transfer) {
        self.report.progress(
            CreateProgress(
                name: self.name,
                receivedBytes: transfer.receivedBytes ?? 0,
                totalBytes: transfer.totalBytes
            )
        )
    }
}
