// SPDX-License-Identifier: Apache-2.0

import Downloads

/// What became of one of several downloads that were to be deleted.
struct Deletion: Sendable {
    let id: String
    /// Why it was not deleted; `nil` where it was.
    let error: (any Error)?
}

/// Why none of several downloads was deleted.
enum DeletionRefusal: Error {
    /// So many match, and not as many as the caller said.
    case otherTotal(Int)
    /// So many match, more than are deleted in one request.
    case tooMany(Int)
    /// Not all that matches is known, because of these sources.
    case incomplete([SourceReport])
}

extension DownloadLibrary {
    /// The most downloads that are deleted in one request.
    static let mostDeletions = 1000

    /// Deletes all that matches, which must be `total` downloads; what became of each, in the order of the list.
    ///
    /// Nothing is deleted where not all that matches is known. One that cannot be deleted does not stop the others.
    func deleteAll(
        _ request: ListRequest,
        total: Int,
        for caller: Caller
    ) async throws(DeletionRefusal) -> [Deletion] {
        let (matches, sources) = await self.matches(self.asCurrent(request), for: caller)
        let incomplete = sources.filter(\.isIncomplete)
        guard incomplete.isEmpty else { throw .incomplete(incomplete) }
        guard matches.items.count == total else { throw .otherTotal(matches.items.count) }
        guard total <= Self.mostDeletions else { throw .tooMany(total) }
        return await self.delete(matches.items.map(\.id), for: caller)
    }

    private func delete(_ ids: [String], for caller: Caller) async -> [Deletion] {
        await withTaskGroup(of: (Int, Deletion).self) { group in
            var deletions: [Int: Deletion] = [:]
            for (index, id) in ids.enumerated() {
                if index >= self.fanOut.concurrency, let (index, ended) = await group.next() {
                    deletions[index] = ended
                }
                group.addTask {
                    do {
                        try await self.delete(id, for: caller)
                        return (index, Deletion(id: id, error: nil))
                    } catch {
                        return (index, Deletion(id: id, error: error))
                    }
                }
            }
            for await (index, ended) in group { deletions[index] = ended }
            return deletions.sorted { $0.key < $1.key }.map(\.value)
        }
    }
}
