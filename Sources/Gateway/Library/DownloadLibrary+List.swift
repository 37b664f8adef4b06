// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Logging

extension DownloadLibrary {
    /// The downloads that match, merged over the providers that the caller may see.
    ///
    /// Never waits past ``FanOut/deadline`` and never fails because of a source: what became of each is in
    /// ``DownloadList/sources``.
    func list(_ request: ListRequest, for caller: Caller) async -> DownloadList {
        let (matches, sources) = await self.matches(request, for: caller)
        return self.window(matches.items, request, sources)
    }

    /// All that matches, as its providers say it, without what was measured here; and what became of each source.
    func matches(_ request: ListRequest, for caller: Caller) async -> (matches: ListMatches, sources: [SourceReport]) {
        let directory = self.directory.current
        let entries = directory.providers.entries.filter { entry in
            caller.maySee(provider: entry.id) && (request.providers?.contains(entry.id) ?? true)
        }
        let gatherings = entries.map { SourceGathering($0, asksOneSession: request.session != nil) }
        let unanswered = gatherings.filter { !self.recall($0, request, caller) }
        if !unanswered.isEmpty { await self.gather(unanswered, request, caller) }
        let now = self.now()
        let conclusions = gatherings.map { $0.conclude(at: now) }
        let jobs = await self.jobs(of: entries, request)
        let listed = zip(entries, conclusions).map { entry, conclusion in
            ListedSource(
                conclusion,
                jobs[entry.id] ?? [],
                self.jobs.progress,
                capabilities: entry.capabilities
            )
        }
        let question = MatchCache.Question(request, caller, burials: self.catalogue.burials)
        let matches = self.matchCache.matches(for: question, in: listed) {
            self.matches(in: listed.flatMap(\.items), directory.ids, request, caller)
        }
        var sources = conclusions.map(\.report)
        for index in sources.indices {
            sources[index].count = matches.counts[sources[index].provider] ?? 0
            // The upstream does not know a container that only jobs are to come into.
            if sources[index].state == .absent, sources[index].count > 0 { sources[index].state = .fresh }
            self.sourceStates.add(sources[index].state)
        }
        return (matches, sources)
    }

    /// Answers from memory, without a task, where one session is asked for and its answer is fresh; whether it did.
    private func recall(_ gathering: SourceGathering, _ request: ListRequest, _ caller: Caller) -> Bool {
        guard let session = request.session, request.recency == .usual, let provider = gathering.entry.provider,
            caller.maySee(session: session, of: provider.id)
        else { return false }
        let key = ListingKey(entry: gathering.entry, session: session, filter: request.filter)
        guard let answer = self.source.remembered(key) else { return false }
        gathering.expect(1)
        gathering.add(answer, for: key)
        return true
    }

    /// Runs the gatherings at once, and leaves them running at the deadline: their answers still reach the catalogue.
    private func gather(_ gatherings: [SourceGathering], _ request: ListRequest, _ caller: Caller) async {
        let work = Task {
            await withTaskGroup(of: Void.self) { group in
                for gathering in gatherings {
                    group.addTask { await self.gather(into: gathering, request, caller) }
                }
            }
        }
        await Deadline.wait(for: work, seconds: self.fanOut.deadline)
    }

    private func gather(into gathering: SourceGathering, _ request: ListRequest, _ caller: Caller) async {
        guard let provider = gathering.entry.provider else { return }
        do throws(ProviderError) {
            let containers = try await self.containers(of: gathering, provider, request, caller)
            gathering.expect(containers.count)
            await withTaskGroup(of: Void.self) { group in
                for (index, container) in containers.enumerated() {
                    if index >= self.fanOut.concurrency { await group.next() }
                    let key = ListingKey(entry: gathering.entry, session: container, filter: request.filter)
                    group.addTask { await self.read(key, from: provider, into: gathering, request) }
                }
            }
        } catch {
            gathering.fail(error, for: nil)
        }
    }

    /// The containers to ask: the one that was named, or the root and the newest sessions.
    private func containers(
        of gathering: SourceGathering,
        _ provider: any Provider,
        _ request: ListRequest,
        _ caller: Caller
    ) async throws(ProviderError) -> [String?] {
        if let session = request.session { return [session].filter { caller.maySee(session: $0, of: provider.id) } }
        let root: [String?] =
            provider.capabilities.listsRoot && caller.maySee(session: nil, of: provider.id) ? [nil] : []
        if let named = caller.namedSessions { return root + named }
        guard provider.capabilities.listsSessions else { return root }
        let newest = try await self.source.sessions(
            of: provider,
            epoch: gathering.entry.epoch,
            limit: self.fanOut.sessions,
            recency: request.recency
        )
        if newest.isTruncated { gathering.cut() }
        if newest.isStale { gathering.fallBack() }
        return root + newest.sessions.map(\.id).filter { caller.maySee(session: $0, of: provider.id) }
    }

    private func read(
        _ key: ListingKey,
        from provider: any Provider,
        into gathering: SourceGathering,
        _ request: ListRequest
    ) async {
        if request.recency == .usual, let answer = await self.source.cached(key, from: provider) {
            gathering.add(answer, for: key)
            return
        }
        gathering.offer(await self.source.fallback(key), for: key)
        do throws(ProviderError) {
            let answer = try await self.source.fresh(key, from: provider, recency: request.recency)
            gathering.add(answer, for: key)
        } catch {
            gathering.fail(error, for: key)
        }
    }

    /// The jobs that a list may show, by provider.
    private func jobs(of entries: [ProviderSet.Entry], _ request: ListRequest) async -> [ProviderID: [Job]] {
        var jobs: [ProviderID: [Job]] = [:]
        for entry in entries where entry.provider != nil {
            guard entry.capabilities.create || entry.capabilities.upload else { continue }
            do {
                jobs[entry.id] = try await self.jobs.table.jobs(of: entry.id, limit: ListingSource.longestListing)
                    .filter { request.session == nil || $0.session == request.session }
            } catch {
                self.logger.error("Jobs are missing from a list.", metadata: ["error": "\(error)"])
            }
        }
        return jobs
    }

    /// What matches and may be seen, each download once, in the order that was asked for.
    private func matches(
        in listed: [ListedSource.Item],
        _ ids: DownloadID,
        _ request: ListRequest,
        _ caller: Caller
    ) -> [ListedDownload] {
        var seen: Set<DownloadReference> = []
        let visible = listed.filter { item in
            request.filter.matches(item.download) && caller.maySee(item.reference)
                && !self.catalogue.isBuried(item.download) && seen.insert(item.reference).inserted
        }
        let shown = visible.map { ListedDownload(id: ids.id(for: $0.reference), download: $0.download) }
        let placed = shown.map { (position: request.sort.position(of: $0), item: $0) }
        return placed.sorted { request.sort.areInOrder($0.position, $1.position) }.map(\.item)
    }

    private func window(
        _ matches: [ListedDownload],
        _ request: ListRequest,
        _ sources: [SourceReport]
    ) -> DownloadList {
        let (start, limit) = self.bounds(of: request, in: matches)
        let part = matches.dropFirst(start).prefix(limit).map { item in
            ListedDownload(id: item.id, download: self.digests.completing(item.download))
        }
        let hasMore = start < matches.count - part.count && !part.isEmpty
        return DownloadList(
            downloads: part,
            total: matches.count,
            isComplete: sources.allSatisfy { $0.state != .failed && !$0.isTruncated },
            next: hasMore ? part.last.map { ListCursor(position: request.sort.position(of: $0)) } : nil,
            sources: sources
        )
    }

    private func bounds(of request: ListRequest, in matches: [ListedDownload]) -> (start: Int, limit: Int) {
        switch request.window {
        case .all: return (0, self.archives.maxFiles)
        case .offset(let offset, let limit): return (offset, limit)
        case .after(let cursor, let limit):
            let start = matches.firstIndex { item in
                request.sort.areInOrder(cursor.position, request.sort.position(of: item))
            }
            return (start ?? matches.count, limit)
        }
    }
}
