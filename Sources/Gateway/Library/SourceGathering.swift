// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOConcurrencyHelpers

/// What one provider has contributed to a list so far; it can be read at any moment, so that a deadline loses nothing.
final class SourceGathering: Sendable {
    private struct Progress {
        var answers: [(session: String?, answer: ListingSource.Answer)] = []
        var fallbacks: [ListingKey: ListingSource.Answer] = [:]
        var absent = 0
        var error: ProviderError?
        var isTruncated = false
        var isStale = false
        /// How many containers there are to read, once that is known.
        var expected: Int?

        var covered: Int { self.answers.count + self.absent + self.fallbacks.count }
    }

    let entry: ProviderSet.Entry
    private let asksOneSession: Bool
    private let progress = NIOLockedValueBox(Progress())

    /// Starts with nothing; `asksOneSession` where the caller named the container.
    init(_ entry: ProviderSet.Entry, asksOneSession: Bool) {
        self.entry = entry
        self.asksOneSession = asksOneSession
    }

    /// Notes how many containers there are to read.
    func expect(_ containers: Int) { self.progress.withLockedValue { $0.expected = containers } }

    /// Notes what may stand in for a container should its answer not come in time.
    func offer(_ fallback: ListingSource.Answer?, for key: ListingKey) {
        self.progress.withLockedValue { $0.fallbacks[key] = fallback }
    }

    /// Notes a container's answer.
    func add(_ answer: ListingSource.Answer, for key: ListingKey) {
        self.progress.withLockedValue { progress in
            progress.fallbacks[key] = nil
            progress.isTruncated = progress.isTruncated || answer.listing.isTruncated
            if answer.listing.isAbsent { progress.absent += 1 } else { progress.answers.append((key.session, answer)) }
        }
    }

    /// Notes a container that could not be read; what was offered for it counts as its answer, unless it is not to be read.
    func fail(_ error: ProviderError, for key: ListingKey?) {
        self.progress.withLockedValue { progress in
            let offered = key.flatMap { progress.fallbacks.removeValue(forKey: $0) }
            guard let key, let fallback = offered, error.mayBeStoodInFor || error.kind == .machineNotRunning else {
                progress.error = progress.error ?? error
                return
            }
            progress.answers.append((key.session, fallback))
        }
    }

    /// Notes that the provider has more containers than were asked.
    func cut() { self.progress.withLockedValue { $0.isTruncated = true } }

    /// Notes that there may be containers that nobody knows of yet.
    func fallBack() { self.progress.withLockedValue { $0.isStale = true } }

    /// What a provider contributed to a list.
    struct Conclusion: Sendable {
        /// Of each container, in the upstream's order.
        var listings: [[Download]] = []
        var report: SourceReport
        /// When each container was wholly known; those that were cut are left out.
        var knownAt: [String?: Date] = [:]
    }

    /// What there is now; a container that is still missing counts as timed out.
    func conclude(at now: Date) -> Conclusion {
        var progress = self.progress.withLockedValue { $0 }
        guard self.entry.provider != nil else {
            return Conclusion(report: SourceReport(provider: self.entry.id, state: .skipped))
        }
        if progress.error == nil, progress.expected.map({ progress.covered < $0 }) ?? true {
            progress.error = Self.timeout
        }
        progress.answers += progress.fallbacks.map { ($0.key.session, $0.value) }
        var report = SourceReport(provider: self.entry.id, state: self.state(of: progress))
        report.error = progress.error
        report.isTruncated = progress.isTruncated
        report.hasAnswered = !progress.answers.isEmpty || progress.absent > 0
        report.ageSeconds = progress.answers.map { Int(min($0.answer.listing.age(at: now), 1e9)) }.max()
        let whole = progress.answers.filter { !$0.answer.listing.isTruncated }
        return Conclusion(
            listings: progress.answers.map(\.answer.listing.downloads),
            report: report,
            knownAt: Dictionary(whole.map { ($0.session, $0.answer.listing.fetchedAt) }, uniquingKeysWith: min)
        )
    }

    private static let timeout = ProviderError(
        .timeout,
        retry: .now,
        message: "The provider did not answer before the list's deadline."
    )

    private func state(of progress: Progress) -> SourceReport.State {
        if progress.error != nil { return .failed }
        if self.asksOneSession && progress.answers.isEmpty { return .absent }
        if progress.isStale || progress.answers.contains(where: { $0.answer.state == .stale }) { return .stale }
        return progress.answers.contains { $0.answer.state == .cached } ? .cached : .fresh
    }
}
