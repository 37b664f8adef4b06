// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

extension VagonProvider {
    func plan(_ request: UploadRequest) async throws(ProviderError) -> UploadPlan {
        _ = try DirectoryName.read(request.directory)
        return UploadPlan(session: request.session, needsSize: true)
    }

    func occupant(_ request: UploadRequest) async throws(ProviderError) -> DownloadReference? {
        guard let folder = try await self.folder(of: request, makesMissing: false) else { return nil }
        let file = try await self.child(request.filename, isFolder: false, of: folder, request.session)
        return file.flatMap { ItemKey.make("f", $0.id.text) }.map {
            DownloadReference(provider: self.id, session: request.session, item: $0)
        }
    }

    func upload(
        _ work: UploadWork,
        from source: UploadSource,
        _ report: CreateReport
    ) async throws(ProviderError) -> Download {
        do throws(ProviderError) {
            return try await self.put(work, from: source, report)
        } catch {
            // A switch on the machine, which only its owner can turn.
            guard error.kind == .permission else { throw error }
            throw ProviderError(.downloadForbidden, message: error.message, cause: error.cause)
        }
    }

    private func put(
        _ work: UploadWork,
        from source: UploadSource,
        _ report: CreateReport
    ) async throws(ProviderError) -> Download {
        guard let size = source.size else {
            throw ProviderError(.invalidRequest, message: "Vagon must be told beforehand how large a file is.")
        }
        let request = work.request
        let known = VagonUpload.Checkpoint(work.checkpoint)
        if known == nil, !request.overwrites, try await self.occupant(request) != nil { throw .nameTaken }
        guard let folder = try await self.folder(of: request, makesMissing: true) else { throw .notFound() }
        let upload = VagonUpload(
            api: self.api,
            work: work,
            source: source,
            size: size,
            report: report,
            sleep: self.links.sleep
        )
        do throws(ProviderError) {
            let id = try await upload.run(in: folder.id)
            return try self.made(id, request, size: size, in: folder)
        } catch {
            // The try before may have ended just after all was done.
            guard let known, known.etags.count == known.links.count,
                let file = try await self.child(request.filename, isFolder: false, of: folder, request.session),
                file.id.text == known.file, file.attributes.size?.bytes == size
            else { throw error }
            return try self.made(known.file, request, size: size, in: folder)
        }
    }

    func abandon(_ work: UploadWork) async throws(ProviderError) {
        guard let known = VagonUpload.Checkpoint(work.checkpoint) else { return }
        try await self.api.discard(file: known.file)
    }

    private func made(
        _ id: String,
        _ request: UploadRequest,
        size: Int64,
        in folder: UploadFolder
    ) throws(ProviderError) -> Download {
        guard let key = ItemKey.make("f", id) else {
            throw ProviderError(.malformedResponse, message: "Vagon named no number for the file.")
        }
        return Download(
            reference: DownloadReference(provider: self.id, session: request.session, item: key),
            name: request.filename,
            mimeType: request.mimeType,
            size: size,
            native: [String: JSONValue](known: [
                ("id", .string(id)), ("name", .string(request.filename)),
                ("path", folder.path.isEmpty ? nil : .string(folder.path)),
            ])
        )
    }

    // MARK: Folders

    /// A folder that files are put into; the top one has no id.
    struct UploadFolder: Sendable {
        var id: String?
        var path = ""
    }

    /// The folder that is asked for, made where it is missing; `nil` where it is missing and not made.
    private func folder(
        of request: UploadRequest,
        makesMissing: Bool
    ) async throws(ProviderError) -> UploadFolder? {
        var folder = UploadFolder()
        for part in (try DirectoryName.read(request.directory) ?? "").split(separator: "/").map(String.init) {
            let known = try await self.child(part, isFolder: true, of: folder, request.session)?.id.text
            guard known != nil || makesMissing else { return nil }
            if let known {
                folder.id = known
            } else {
                folder.id = try await self.api.createFolder(part, parent: folder.id, machine: request.session)
            }
            folder.path = folder.path.isEmpty ? part : "\(folder.path)/\(part)"
        }
        return folder
    }

    /// What has a name directly in a folder, as far as the machine lets it be seen; bounded, should the pages never end.
    private func child(
        _ name: String,
        isFolder: Bool,
        of folder: UploadFolder,
        _ machine: String?
    ) async throws(ProviderError) -> VagonAPI.Entity<VagonAPI.File>? {
        let source = machine.map { VagonAPI.Source.machine($0) } ?? .shared
        var page = 1
        for _ in 1...100 {
            let answer: VagonAPI.FilePage
            do throws(ProviderError) {
                answer = try await self.api.files(source, parent: folder.id, page: page)
            } catch {
                guard error.kind == .permission else { throw error }
                return nil
            }
            let found = answer.files.first { entity in
                (entity.attributes.name ?? entity.attributes.fileName) == name
                    && entity.attributes.isDirectory == isFolder
            }
            if let found { return found }
            guard let next = answer.nextPage?.value?.number, next > page, !answer.files.isEmpty else { return nil }
            page = next
        }
        throw ProviderError(.malformedResponse, message: "A folder of Vagon's does not end.")
    }
}
