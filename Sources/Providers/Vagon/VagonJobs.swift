// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOConcurrencyHelpers

/// Which of Vagon's jobs makes the link to which file: one for each, whoever asks and however often.
final class VagonJobs: Sendable {
    private struct Job {
        let id: String
        let begunAt: Date
    }

    private struct State {
        var jobs: [String: Job] = [:]
        /// Files that somebody asks a link for just now, without a job so far, and who waits to hear what comes of it.
        var asked: [String: [UUID: CheckedContinuation<Void, Never>]] = [:]
    }

    private let state = NIOLockedValueBox(State())
    private let now: @Sendable () -> Date

    /// What a job made may be out of date, or gone, after this time.
    private static let longestLife: TimeInterval = 600
    private static let most = 1000

    init(now: @escaping @Sendable () -> Date) { self.now = now }

    /// The job of a file; `nil`: there is none, and the caller is to ask for a link, and to call ``settle(_:job:)``.
    ///
    /// While another asks for the first link of the same file, this waits to hear whether a job comes of it. Cancelling the task
    /// ends the wait with `cancelled`; who was told `nil` settles all the same.
    func job(of file: String) async throws(ProviderError) -> String? {
        let isFirst = self.state.withLockedValue { state in
            guard self.known(file, in: state) == nil, state.asked[file] == nil else { return false }
            state.asked[file] = [:]
            return true
        }
        guard !isFirst else { return nil }
        let ticket = UUID()
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = self.state.withLockedValue { state in
                    guard state.asked[file] != nil, !Task.isCancelled else { return true }
                    state.asked[file]?[ticket] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            self.state.withLockedValue { $0.asked[file]?.removeValue(forKey: ticket) }?.resume()
        }
        guard !Task.isCancelled else { throw .cancelled }
        return self.state.withLockedValue { self.known(file, in: $0) }
    }

    /// Takes what came of the question for a file's link: a job, or `nil`; of two jobs the first counts, which is answered.
    @discardableResult
    func settle(_ file: String, job: String?) -> String? {
        let now = self.now()
        let (known, waiting) = self.state.withLockedValue { state in
            if let job, self.known(file, in: state) == nil {
                if state.jobs.count >= Self.most { state.jobs = state.jobs.filter { self.isAlive($0.value) } }
                if state.jobs.count < Self.most { state.jobs[file] = Job(id: job, begunAt: now) }
            }
            return (self.known(file, in: state) ?? job, state.asked.removeValue(forKey: file))
        }
        for continuation in waiting?.values.map(\.self) ?? [] { continuation.resume() }
        return known
    }

    /// Forgets a job that failed, that Vagon does not know any more, or whose link is refused.
    func forget(_ job: String, of file: String) {
        self.state.withLockedValue { state in
            if state.jobs[file]?.id == job { state.jobs[file] = nil }
        }
    }

    private func known(_ file: String, in state: State) -> String? {
        state.jobs[file].flatMap { self.isAlive($0) ? $0.id : nil }
    }

    private func isAlive(_ job: Job) -> Bool { self.now().timeIntervalSince(job.begunAt) < Self.longestLife }
}
