// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

extension NotteStorageProvider {
    func plan(_ request: UploadRequest) async throws(ProviderError) -> UploadPlan {
        guard request.directory == nil else { throw .noFolders(at: self.id) }
        return UploadPlan(session: request.session, needsSize: true)
    }

    func occupant(_ request: UploadRequest) async throws(ProviderError) -> DownloadReference? {
        let file = try await self.files(in: request.session).first { $0.name == request.filename }
        return file.flatMap { self.download($0, session: request.session)?.reference }
    }

    /// A name is the identity: a second try takes the place of what the first has left.
    func upload(
        _ work: UploadWork,
        from source: UploadSource,
        _ report: CreateReport
    ) async throws(ProviderError) -> Download {
        let request = work.request
        guard let size = source.size else { throw .needsSize(by: self.id) }
        if work.checkpoint == nil {
            if !request.overwrites, try await self.occupant(request) != nil { throw .nameTaken }
            await report.keep(Data("begun".utf8), nil)
        }
        let file = SentFile(source, of: work, report)
        let form = file.form(size: size, mimeType: request.mimeType)
        try await self.api.put(form, session: request.session, name: request.filename)
        return try await self.stored(request, size: size)
    }

    /// What the vendor lists of a file that it has taken, which may come a moment later.
    private func stored(_ request: UploadRequest, size: Int64) async throws(ProviderError) -> Download {
        for _ in 1..<Self.looks {
            if let download = try await self.listed(request, size: size) { return download }
            do { try await self.sleep(.milliseconds(200)) } catch { throw .cancelled }
        }
        guard let download = try await self.listed(request, size: size) else { throw .incompleteUpload }
        return download
    }

    private func listed(_ request: UploadRequest, size: Int64) async throws(ProviderError) -> Download? {
        let file = try await self.files(in: request.session).first { $0.name == request.filename }
        guard let download = file.flatMap({ self.download($0, session: request.session) }) else { return nil }
        return download.size ?? size == size ? download : nil
    }

    /// How often the list is read for a file that was just put there.
    private static let looks = 5

    /// Nothing: a form that broke off leaves no file, and the vendor has no call to remove one.
    func abandon(_ work: UploadWork) async throws(ProviderError) {}
}

extension ProviderError {
    static func noFolders(at provider: ProviderID) -> ProviderError {
        .invalid("directory", "The provider '\(provider)' has no directories.")
    }

    static func needsSize(by provider: ProviderID) -> ProviderError {
        ProviderError(
            .invalidRequest,
            message: "The provider '\(provider)' must be told beforehand how large a file is."
        )
    }

    /// The upstream holds something else than what was sent.
    static var incompleteUpload: ProviderError {
        .failed(.incomplete, .now, "The upstream does not hold as many bytes as were sent.")
    }
}
