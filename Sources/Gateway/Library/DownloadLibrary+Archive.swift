// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

extension DownloadLibrary {
    /// The files that match, to be sent as one archive.
    ///
    /// Downloads that have not completed are no files; they are reported where `onError` is `report`, else left out. Without it,
    /// every source must have told all that it has.
    func archive(
        _ request: ListRequest,
        for caller: Caller,
        onError: Archive.OnError
    ) async throws(ArchiveRefusal) -> Archive {
        let (matches, sources) = await self.matches(self.asCurrent(request), for: caller)
        let incomplete = sources.filter(\.isIncomplete)
        let files = matches.items.filter { $0.download.status == .completed }
        guard incomplete.isEmpty || (onError == .report && !files.isEmpty) else { throw .incomplete(incomplete) }
        guard !files.isEmpty else { throw .nothing }
        guard files.count <= self.archives.maxFiles else { throw .tooManyFiles(files.count) }
        try self.checkBytes(of: files)
        let unfinished = matches.items.filter { $0.download.status != .completed }
        return Archive(
            files,
            // By what was asked, not by what matched, so that the same question finds the same paths tomorrow.
            usesFolders: request.session == nil,
            asksContainers: request.asksContainers,
            missing: onError == .breaks ? [] : incomplete.map(\.missing) + unfinished.compactMap(\.missing),
            onError: onError
        )
    }

    /// A question that is not answered with what is older than `freshFor`: nobody sees the sources' states in an archive.
    func asCurrent(_ request: ListRequest) -> ListRequest {
        var request = request
        if request.recency == .usual { request.recency = .within(self.freshness.freshFor) }
        return request
    }

    /// Opens an upstream's own archive of downloads that lie in one container.
    func openArchive(of downloads: [Download]) async throws(ProviderError) -> any ArchivedFiles {
        guard let reference = downloads.first?.reference,
            let place = Place(reference, in: self.directory.current.providers)
        else { throw .notFound() }
        return try await place.provider.archive(of: downloads)
    }

    private func checkBytes(of files: [ListedDownload]) throws(ArchiveRefusal) {
        var left = self.archives.byteLimit
        for size in files.compactMap(\.download.size) {
            guard size <= left else { throw .tooManyBytes }
            left -= size
        }
    }
}

extension ListRequest {
    /// Whether it asks for all of one session, or for all of one provider's.
    fileprivate var asksContainers: Bool {
        self.filter == DownloadFilter() && (self.session != nil || self.providers?.count == 1)
    }
}

extension SourceReport {
    /// Whether there may be more than it told.
    var isIncomplete: Bool { self.state == .failed || self.state == .stale || self.isTruncated }

    /// Why it is incomplete.
    var incompleteness: ProviderError {
        if let error { return error }
        guard self.isTruncated else {
            let age = self.ageSeconds.map { "\($0) seconds" } ?? "a while"
            return ProviderError(.unavailable, message: "The provider could not be asked; its list is from \(age) ago.")
        }
        return ProviderError(
            .unsupported,
            message: "The provider has more than is looked through at once; name a sessionId."
        )
    }

    fileprivate var missing: MissingItem {
        MissingItem(name: "provider \(self.provider)", id: nil, error: self.incompleteness)
    }
}

extension ListedDownload {
    /// A download without bytes, and why it has none; `nil` for a file.
    fileprivate var missing: MissingItem? {
        do throws(ProviderError) {
            try DownloadLibrary.checkHasBytes(self.download)
            return nil
        } catch {
            return MissingItem(name: self.download.filename, id: self.id, error: error)
        }
    }
}
