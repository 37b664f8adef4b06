// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOConcurrencyHelpers

/// What matched a question, sorted, and how many of it came from each provider.
struct ListMatches: Sendable {
    let items: [ListedDownload]
    let counts: [ProviderID: Int]

    init(_ items: [ListedDownload]) {
        self.items = items
        self.counts = items.reduce(into: [:]) { $0[$1.download.reference.provider, default: 0] += 1 }
    }
}

/// Keeps the last matches of a few questions, for to give ten thousand downloads their ids and to sort them takes long.
///
/// They are the answer for as long as the same is looked through.
final class MatchCache: Sendable {
    /// All that decides which of some downloads match, and in which order.
    struct Question: Hashable, Sendable {
        let filter: DownloadFilter
        let sort: SortOrder
        /// What the caller may see.
        let providers: Set<ProviderID>?
        let sessions: [SessionGlob]?
        /// See ``Catalogue/burials``.
        let burials: Int

        init(_ request: ListRequest, _ caller: Caller, burials: Int) {
            self.filter = request.filter
            self.sort = request.sort
            self.providers = caller.providers
            self.sessions = caller.sessions
            self.burials = burials
        }
    }

    private struct Entry: Sendable {
        let sources: [ListedSource]
        let matches: ListMatches
    }

    private let known = NIOLockedValueBox(GenerationCache<Question, Entry>(capacity: 4))

    /// The kept matches where `sources` are those that they were found in, else what `find` finds.
    func matches(
        for question: Question,
        in sources: [ListedSource],
        _ find: () -> [ListedDownload]
    ) -> ListMatches {
        let entry = self.known.withLockedValue { $0[question] }
        // Quick for the very same listings: copies of an array that nobody changed are compared by its storage.
        let matches = entry.flatMap { $0.sources == sources ? $0.matches : nil } ?? ListMatches(find())
        // Also where nothing differs, for a provider that said the same again said it in another array.
        self.known.withLockedValue { $0[question] = Entry(sources: sources, matches: matches) }
        return matches
    }
}
