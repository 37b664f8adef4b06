// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// The files and transfers of a Hoody file server; its folders are the sessions, its top folder is outside of any.
struct HoodyProvider: Provider {
    let id: ProviderID
    let api: HoodyAPI
    let sleep: @Sendable (Duration) async throws -> Void
    let now: @Sendable () -> Date
    /// Judges a URL that a caller brought: the server would fetch from where only it can reach.
    let check: @Sendable (String) async throws(ProviderError) -> Void

    static let promises = Capabilities(
        listsSessions: true,
        listsRoot: true,
        ranges: true,
        namesAreIdentity: true,
        delete: true,
        create: true,
        cancel: true,
        upload: true
    )

    var kind: String { HoodySettings.kind }
    var capabilities: Capabilities { Self.promises }

    func sessions(limit: Int) async throws(ProviderError) -> [Session] {
        let parts = try await self.parts(
            of: .root,
            active: { () async throws(ProviderError) in try await self.api.active() }
        )
        let folders = (parts.entries ?? []).filter { $0.isDirectory?.value == true }.compactMap { entry in
            HoodyPath(entry.name)?.session.map { Session(id: $0, createdAt: entry.modified?.date) }
        }
        let used = (parts.active + parts.history).compactMap { transfer in
            transfer.path?.parent.session.map { Session(id: $0, createdAt: transfer.startedAt) }
        }
        // Newest first before each folder is taken once: a transfer may be newer than its folder's own time.
        return (used + folders).newest(limit)
    }

    func list(_ query: ListQuery) async throws(ProviderError) -> Page<Download> {
        guard let folder = HoodyPath(query.session ?? ""), (query.session == nil) == (folder == .root) else {
            throw .notFound("There is no such folder.")
        }
        let parts = try await self.parts(of: folder) { () async throws(ProviderError) in
            folder == .root ? try await self.api.active() : try await self.api.active(in: folder)
        }
        let listing = self.listing(folder, parts)
        let downloads = listing.downloads
        // A server without this call answers 405, which says nothing of the folder; 404 without any transfer does.
        if let missing = parts.missing, missing.kind == .notFound, downloads.isEmpty, folder != .root { throw missing }
        return Page(items: downloads)
    }

    func download(_ reference: DownloadReference) async throws(ProviderError) -> Download {
        if let path = Self.file(reference) {
            let listing = self.listing(path.parent)
            guard let download = listing.download(try await self.api.stat(path), name: path.name) else {
                throw .notFound()
            }
            return download
        }
        let transfer = try await self.transfer(reference)
        let size = try await self.fileSize(of: transfer)
        guard let download = self.listing(.root).download(transfer, size: size), download.reference == reference else {
            throw .notFound()
        }
        return download
    }

    func content(of reference: DownloadReference, _ request: ContentRequest) async throws(ProviderError) -> Content {
        if let path = Self.file(reference) { return try await self.api.content(path, range: request.range) }
        let transfer = try await self.transfer(reference)
        switch transfer.state {
        case .completed:
            guard let path = transfer.path, !path.name.isEmpty else { throw .notFound() }
            return try await self.api.content(path, range: request.range)
        case .queued, .downloading:
            throw ProviderError(.notReady, retry: .after(.seconds(5)), message: "The transfer is still running.")
        case .failed:
            let failure =
                transfer.failure(self.words.clean) ?? DownloadFailure(code: .networkError, message: "It failed.")
            throw ProviderError(.failed(failure), message: failure.message)
        case .cancelled: throw ProviderError(.conflict, message: "The transfer was cancelled.")
        }
    }

    func delete(_ reference: DownloadReference) async throws(ProviderError) {
        if let path = Self.file(reference) { return try await self.api.delete(path) }
        let transfer = try await self.transfer(reference)
        switch transfer.state {
        case .completed:
            guard let path = transfer.path, !path.name.isEmpty else { throw .notFound() }
            try await self.api.delete(path)
        case .queued, .downloading: try await self.cancel(transfer)
        // Nothing is left upstream but the record, which cannot be removed; the gateway remembers that it was.
        case .failed, .cancelled: return
        }
    }

    func check() async throws(ProviderError) {
        do {
            _ = try await self.api.active()
        } catch {
            // The server is well and knows us; only its switch for transfers is off.
            guard error.kind == .downloadForbidden else { throw error }
        }
    }

    // MARK: Reading

    /// What the server says of a folder; the calls run at once.
    struct Parts {
        var entries: [HoodyAPI.Entry]?
        var active: [HoodyAPI.Transfer]
        var history: [HoodyAPI.Transfer]
        /// Why there are no entries.
        var missing: ProviderError?
    }

    /// Asks for all parts.
    ///
    /// Servers lack some calls, or have them switched off; only if none is there that is an error.
    private func parts(
        of folder: HoodyPath,
        active: @escaping @Sendable () async throws(ProviderError) -> [HoodyAPI.Transfer]
    ) async throws(ProviderError) -> Parts {
        async let entriesAnswer = Self.outcome { () async throws(ProviderError) in try await self.api.entries(folder) }
        async let activeAnswer = Self.outcome(active)
        async let historyAnswer = Self.outcome { () async throws(ProviderError) in try await self.api.history() }
        let (entries, running, ended) = (await entriesAnswer, await activeAnswer, await historyAnswer)
        // Who may read the folder has a credential that is good: what is refused beside it may be for others.
        let isKnown = entries.failure == nil
        let parts = Parts(
            entries: try Self.present(entries),
            active: try Self.present(running, mayBeRefused: isKnown) ?? [],
            history: try Self.present(ended, mayBeRefused: isKnown) ?? [],
            missing: entries.failure
        )
        if let missing = parts.missing, running.failure != nil, ended.failure != nil { throw missing }
        return parts
    }

    /// The transfer with an id.
    ///
    /// One that has just left the active list may not be in the history yet.
    private func transfer(_ reference: DownloadReference) async throws(ProviderError) -> HoodyAPI.Transfer {
        guard let id = ItemKey.identity(of: reference.item, prefix: "t") else { throw .notFound() }
        let running = await Self.outcome { () async throws(ProviderError) in try await self.api.active() }
        if let transfer = try Self.present(running)?.first(where: { $0.id == id }) { return transfer }
        if let transfer = try await self.api.history().first(where: { $0.id == id }) { return transfer }
        do { try await self.sleep(.milliseconds(200)) } catch { throw .cancelled }
        if let transfer = try await self.api.history().first(where: { $0.id == id }) { return transfer }
        throw .notFound()
    }

    /// The size of a completed transfer's file; throws `notFound` where the file is gone.
    private func fileSize(of transfer: HoodyAPI.Transfer) async throws(ProviderError) -> Int64? {
        guard transfer.state == .completed, let path = transfer.path else { return nil }
        do {
            return try await self.api.stat(path).size?.bytes
        } catch {
            guard error.kind == .upstream(status: 405) else { throw error }
            return nil
        }
    }

    func cancel(_ transfer: HoodyAPI.Transfer) async throws(ProviderError) {
        guard let id = transfer.id else { throw .notFound() }
        do {
            try await self.api.cancel(id)
        } catch {
            guard error.kind == .notFound || error.kind == .upstream(status: 405) else { throw error }
            throw .unsupported("stop a running transfer; this server is too old for it", by: self.id)
        }
    }

    private static func outcome<Value: Sendable>(
        _ call: @Sendable () async throws(ProviderError) -> Value
    ) async -> Result<Value, ProviderError> {
        do { return .success(try await call()) } catch { return .failure(error) }
    }

    /// The value; `nil` where the server does not have the call, or has it switched off.
    private static func present<Value>(
        _ outcome: Result<Value, ProviderError>,
        mayBeRefused: Bool = false
    ) throws(ProviderError) -> Value? {
        switch outcome {
        case .success(let value): return value
        case .failure(let error):
            switch error.kind {
            case .notFound, .downloadForbidden, .upstream(status: 405), .upstream(status: 501): return nil
            case .unauthorized where mayBeRefused: return nil
            default: throw error
            }
        }
    }

    // MARK: Identity and words

    var words: UpstreamWords { self.api.client.failures.words }

    func listing(_ folder: HoodyPath, _ parts: Parts? = nil) -> HoodyListing {
        HoodyListing(
            provider: self.id,
            folder: folder,
            entries: parts?.entries,
            active: parts?.active ?? [],
            history: parts?.history ?? [],
            words: self.words
        )
    }

    /// The path of a reference to a file, which is in the folder that is its session.
    private static func file(_ reference: DownloadReference) -> HoodyPath? {
        guard let name = ItemKey.identity(of: reference.item, prefix: "p") else { return nil }
        return HoodyPath(reference.session ?? "")?.child(name)
    }
}

extension Result where Failure == ProviderError {
    /// The error, where it is one.
    fileprivate var failure: ProviderError? {
        guard case .failure(let error) = self else { return nil }
        return error
    }
}
