// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

extension WebProvider {
    func plan(_ request: UploadRequest) async throws(ProviderError) -> UploadPlan {
        guard request.session == nil else {
            throw .invalid("sessionId", "The provider '\(self.id)' takes 'directory', not 'sessionId'.")
        }
        return UploadPlan(session: try DirectoryName.read(request.directory), needsSize: false)
    }

    func occupant(_ request: UploadRequest) async throws(ProviderError) -> DownloadReference? {
        let directory = try DirectoryName.read(request.directory)
        return try await self.storing { [folder = self.folder] () async throws(StorageError) in
            try await folder.file(named: request.filename, in: directory)
        }.map { self.download($0).reference }
    }

    func upload(
        _ work: UploadWork,
        from source: UploadSource,
        _ report: CreateReport
    ) async throws(ProviderError) -> Download {
        // The try before may have ended just after the file was there.
        let known = try await self.storing { [folder = self.folder] () async throws(StorageError) in
            let known = try await folder.file(work.id)
            if let known, work.request.overwrites { try await folder.removeOthers(known) }
            return known
        }
        if let known { return self.download(known) }
        if !work.request.overwrites, try await self.occupant(work.request) != nil { throw .nameTaken }
        let upload = WebUpload(
            work: work,
            source: source,
            report: report,
            folder: self.folder,
            quota: self.quota,
            maxBytes: self.fetcher.maxBytes,
            now: self.now
        )
        return self.download(try await upload.run())
    }

    func abandon(_ work: UploadWork) async throws(ProviderError) { try await self.discard(work.id) }
}
