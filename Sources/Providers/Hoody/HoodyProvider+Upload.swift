// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes

extension HoodyProvider {
    func plan(_ request: UploadRequest) async throws(ProviderError) -> UploadPlan {
        guard request.session == nil else {
            throw ProviderError(
                .invalidRequest,
                message: "The provider '\(self.id)' takes 'directory', not 'sessionId'."
            )
        }
        return UploadPlan(session: try Self.path(request).parent.session, needsSize: false)
    }

    func occupant(_ request: UploadRequest) async throws(ProviderError) -> DownloadReference? {
        let path = try Self.path(request)
        do throws(ProviderError) {
            let stat = try await self.api.stat(path)
            return self.listing(path.parent).download(stat, name: path.name)?.reference
        } catch {
            guard error.kind == .notFound else { throw error }
            return nil
        }
    }

    func upload(
        _ work: UploadWork,
        from source: UploadSource,
        _ report: CreateReport
    ) async throws(ProviderError) -> Download {
        let path = try Self.path(work.request)
        let stat = try await HoodyUpload(api: self.api, work: work, path: path, sleep: self.sleep).run(source, report)
        guard let download = self.listing(path.parent).download(stat, name: path.name) else { throw .notFound() }
        return download
    }

    func abandon(_ work: UploadWork) async throws(ProviderError) {
        let path = try Self.path(work.request)
        try await HoodyUpload(api: self.api, work: work, path: path, sleep: self.sleep).abandon()
    }

    private static func path(_ request: UploadRequest) throws(ProviderError) -> HoodyPath {
        guard let path = HoodyPath(request.directory ?? "")?.child(request.filename) else {
            throw ProviderError(.invalidRequest, message: "The field 'directory' is no path on the server.")
        }
        return path
    }
}

/// One file that is put onto the server.
///
/// The server has no way to give a file another name, so that it grows under its own; what is left of a broken try is removed.
struct HoodyUpload {
    let api: HoodyAPI
    let work: UploadWork
    let path: HoodyPath
    let sleep: @Sendable (Duration) async throws -> Void

    /// How often it is looked, a tenth of a second apart, for what is left of a try.
    private static let looks = 10

    /// That a try has begun to write.
    private struct Checkpoint: Codable {
        /// What was there before.
        var before: HoodyAPI.FileState?
    }

    /// Puts the file there; returns what the server knows of it then.
    func run(_ source: UploadSource, _ report: CreateReport) async throws(ProviderError) -> HoodyAPI.Stat {
        let begun = try await self.begin(report)
        do throws(ProviderError) {
            let file = SentFile(source, of: self.work, report)
            try await self.api.put(file.stream(contentType: "application/octet-stream"), at: self.path)
            let stat = try await self.api.stat(self.path)
            guard stat.size?.bytes == file.count else {
                throw .failed(.incomplete, .now, "The file server does not hold as many bytes as were sent.")
            }
            try await self.compareDigests(file.sha256)
            return stat
        } catch {
            // In a task of its own: what is left must go also where this one is cancelled.
            await Task { try? await self.removeRest(of: begun) }.value
            throw error
        }
    }

    /// Removes what a try has written, but never what was there before.
    func abandon() async throws(ProviderError) {
        if let begun = self.checkpoint { try await self.removeRest(of: begun) }
    }

    private var checkpoint: Checkpoint? {
        self.work.checkpoint.flatMap { try? JSONDecoder().decode(Checkpoint.self, from: $0) }
    }

    /// Keeps what is there before the first byte is written.
    private func begin(_ report: CreateReport) async throws(ProviderError) -> Checkpoint {
        if let checkpoint { return checkpoint }
        let begun = Checkpoint(before: try await self.api.state(of: self.path))
        if begun.before != nil, !self.work.request.overwrites { throw .nameTaken }
        await report.keep((try? JSONEncoder().encode(begun)) ?? Data(), nil)
        return begun
    }

    /// The server may notice later than we do that a try broke off, and show only then what came of it.
    private func removeRest(of begun: Checkpoint) async throws(ProviderError) {
        for look in 1...Self.looks {
            let now = try await self.api.state(of: self.path)
            if now != nil, now != begun.before { return try await self.api.delete(self.path) }
            guard look < Self.looks else { return }
            do { try await self.sleep(.milliseconds(100)) } catch { throw .cancelled }
        }
    }

    /// Holds what the server has against what was sent, where the server measures it.
    private func compareDigests(_ sent: String) async throws(ProviderError) {
        guard let found = await self.api.sha256(of: self.path), found != sent else { return }
        throw .checksumMismatch("The file server holds a file with another SHA-256 (\(found)) than what was sent.")
    }
}

extension HoodyAPI {
    /// What tells whether a file was written.
    struct FileState: Codable, Hashable, Sendable {
        var size: Int64?
        var changedAt: Date?
    }

    /// The state of a file; `nil` where there is none.
    func state(of path: HoodyPath) async throws(ProviderError) -> FileState? {
        do throws(ProviderError) {
            let stat = try await self.stat(path)
            return FileState(size: stat.size?.bytes, changedAt: stat.mtime?.date)
        } catch {
            guard error.kind == .notFound else { throw error }
            return nil
        }
    }

    /// Writes a file, in place of one that has its path.
    func put(_ stream: UpstreamStream, at path: HoodyPath) async throws(ProviderError) {
        var call = UpstreamCall(.put, "/" + (try URLPath.parts(path.text)))
        call.stream = stream
        try await self.client.perform(call)
    }

    /// The SHA-256 that the server has measured; `nil` where it does not measure.
    func sha256(of path: HoodyPath) async -> String? {
        struct Answer: Decodable { var hash: String }
        guard let encoded = try? URLPath.parts(path.text) else { return nil }
        var call = UpstreamCall(.get, "/api/v1/files/" + encoded, query: [(name: "sha256", value: "")])
        // The server reads the whole file for it.
        call.patience = .seconds(300)
        let hash = try? await self.client.json(Answer.self, call).hash.lowercased()
        return hash.flatMap { $0.utf8.count == 64 ? $0 : nil }
    }
}
