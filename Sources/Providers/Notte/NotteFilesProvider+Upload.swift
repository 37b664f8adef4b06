// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

extension NotteFilesProvider {
    func plan(_ request: UploadRequest) async throws(ProviderError) -> UploadPlan {
        guard request.directory == nil else { throw .noFolders(at: self.id) }
        guard let session = request.session else {
            throw .invalid("sessionId", "The provider '\(self.id)' needs 'sessionId'.")
        }
        return UploadPlan(session: session, needsSize: true)
    }

    func occupant(_ request: UploadRequest) async throws(ProviderError) -> DownloadReference? {
        let session = try Self.session(request)
        let file = try await self.named(request.filename, in: session).first
        return file.flatMap { ItemKey.make("u", $0.id.text) }.map {
            DownloadReference(provider: self.id, session: session, item: $0)
        }
    }

    func upload(
        _ work: UploadWork,
        from source: UploadSource,
        _ report: CreateReport
    ) async throws(ProviderError) -> Download {
        let request = work.request
        guard let size = source.size else { throw .needsSize(by: self.id) }
        let session = try Self.session(request)
        let present = try await self.named(request.filename, in: session)
        // Each file has an id of its own: what was there before the first try tells what a try has left.
        let before = work.checkpoint.flatMap { try? JSONDecoder().decode([String].self, from: $0) }
        if before == nil {
            guard present.isEmpty || request.overwrites else { throw .nameTaken }
            await report.keep((try? JSONEncoder().encode(present.map(\.id.text))) ?? Data(), nil)
        }
        let known = before ?? present.map(\.id.text)
        var stored = present.first { !known.contains($0.id.text) && $0.size?.bytes == size }
        if stored == nil {
            let form = SentFile(source, of: work, report).form(size: size, mimeType: request.mimeType)
            stored = try await self.api.put(form, session: session)
        }
        guard var file = stored, file.size?.bytes ?? size == size else { throw .incompleteUpload }
        file.source = NotteAPI.Source.upload.rawValue
        guard let download = self.download(file, session: session) else { throw .incompleteUpload }
        for old in present where known.contains(old.id.text) {
            try await self.api.delete(session: session, file: old.id.text)
        }
        return download
    }

    func abandon(_ work: UploadWork) async throws(ProviderError) {
        guard let before = work.checkpoint.flatMap({ try? JSONDecoder().decode([String].self, from: $0) }) else {
            return
        }
        let session = try Self.session(work.request)
        for file in try await self.named(work.request.filename, in: session) where !before.contains(file.id.text) {
            try await self.api.delete(session: session, file: file.id.text)
        }
    }

    /// The uploads of a session that have a name.
    private func named(_ name: String, in session: String) async throws(ProviderError) -> [NotteAPI.SessionFile] {
        var files: [NotteAPI.SessionFile] = []
        _ = try await self.find(in: session, .upload) { file in
            if file.filename == name { files.append(file) }
            return false
        }
        return files
    }

    private static func session(_ request: UploadRequest) throws(ProviderError) -> String {
        guard let session = request.session else { throw .notFound("There is no such session.") }
        return session
    }
}
