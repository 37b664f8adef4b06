// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// The files of Vagon's machines (sessions) and of the organisation (outside of any session).
struct VagonProvider: Provider {
    let id: ProviderID
    let api: VagonAPI
    let recordingsPath: String?
    let contentPaths: [String]
    let links: VagonLinks

    static let promises = Capabilities(listsSessions: true, listsRoot: true, ranges: true, delete: true, upload: true)

    var kind: String { VagonSettings.kind }
    var capabilities: Capabilities { Self.promises }

    func sessions(limit: Int) async throws(ProviderError) -> [Session] {
        var sessions: [Session] = []
        var page = 1
        // The order is not documented, so that all are read before the newest are taken; bounded all the same.
        for _ in 1...20 {
            let answer = try await self.api.machines(page: page)
            sessions += answer.machines.map { machine in
                Session(id: machine.id.text, createdAt: machine.attributes.lastSessionStartAt?.date)
            }
            guard let next = answer.nextPage?.value?.number, next > page, !answer.machines.isEmpty else { break }
            page = next
        }
        return sessions.newest(limit)
    }

    func list(_ query: ListQuery) async throws(ProviderError) -> Page<Download> {
        guard let machine = query.session else {
            return Page(items: try await self.stored(.shared, prefix: "f", session: nil))
        }
        var downloads = try await self.stored(.machine(machine), prefix: "f", session: machine)
        if let recordingsPath {
            let source = VagonAPI.Source.recordings(path: recordingsPath, machine: machine)
            downloads += try await self.orNothing { () async throws(ProviderError) in
                try await self.stored(source, prefix: "r", session: machine)
            }
        }
        for folder in self.contentPaths {
            downloads += try await self.orNothing { () async throws(ProviderError) in
                try await self.onDisk(machine, folder: folder)
            }
        }
        return Page(items: downloads)
    }

    func download(_ reference: DownloadReference) async throws(ProviderError) -> Download {
        guard let (prefix, identity) = ItemKey.split(reference.item) else { throw .notFound() }
        if prefix == "c" {
            guard let machine = reference.session, let end = identity.lastIndex(of: "\\") else { throw .notFound() }
            // A drive's top folder is written with its backslash: C: alone would be the folder that is open there.
            let parent = identity[..<end].hasSuffix(":") ? identity[...end] : identity[..<end]
            let siblings = try await self.onDisk(machine, folder: String(parent))
            guard let download = siblings.first(where: { $0.reference == reference }) else { throw .notFound() }
            return download
        }
        guard let source = self.source(of: reference, prefix: prefix) else { throw .notFound() }
        var found: Download?
        try await VagonFolderWalk(api: self.api, source: source).visitFiles { files in
            found = files.lazy
                .compactMap { self.download($0, prefix: prefix, session: reference.session) }
                .first { $0.reference == reference }
            return found == nil
        }
        guard let found else { throw .notFound() }
        return found
    }

    func content(of reference: DownloadReference, _ request: ContentRequest) async throws(ProviderError) -> Content {
        let file = try self.storedFile(reference, to: "give the bytes of a file on a machine's own disk")
        return try await self.content(of: [file], request)
    }

    /// The zip that Vagon makes of them in a job.
    func archive(of downloads: [Download]) async throws(ProviderError) -> any ArchivedFiles {
        var files: [String] = []
        for download in downloads {
            files.append(try self.storedFile(download.reference, to: "archive a file on a machine's own disk"))
        }
        // A reader of zips is bounded; without it there is still each file by itself.
        guard downloads.lazy.compactMap(\.size).allSatisfy({ $0 < ZipLimits().unpackedBytes / Int64(files.count) })
        else { throw .unsupported("archive so many bytes", by: self.id) }
        let members = VagonMembers(downloads)
        let content = try await self.content(of: files, ContentRequest())
        return ZippedFiles(ZipArchive(content.body)) { members.reference(of: $0) }
    }

    func delete(_ reference: DownloadReference) async throws(ProviderError) {
        try await self.api.delete(file: try self.storedFile(reference, to: "delete a file on a machine's own disk"))
    }

    func check() async throws(ProviderError) { _ = try await self.api.machines(page: 1, perPage: 1) }

    // MARK: Reading

    private func stored(
        _ source: VagonAPI.Source,
        prefix: String,
        session: String?
    ) async throws(ProviderError) -> [Download] {
        let files = try await VagonFolderWalk(api: self.api, source: source).files()
        return files.compactMap { self.download($0, prefix: prefix, session: session) }
    }

    private func onDisk(_ machine: String, folder: String) async throws(ProviderError) -> [Download] {
        let files = try await self.api.diskFiles(machine: machine, folder: folder)
        return files.compactMap { self.download($0, folder: folder, session: machine) }
    }

    /// A part of a machine's list that it cannot give now, or may not, does not take the other parts along.
    private func orNothing(
        _ part: () async throws(ProviderError) -> [Download]
    ) async throws(ProviderError) -> [Download] {
        do {
            return try await part()
        } catch {
            switch error.kind {
            case .machineNotRunning, .permission, .notFound: return []
            default: throw error
            }
        }
    }

    /// The bytes of a file, or of the zip of several.
    private func content(
        of files: [String],
        _ request: ContentRequest
    ) async throws(ProviderError) -> Content {
        let first = try await self.links.link(files)
        do {
            return try await self.content(first, request)
        } catch {
            // The store refuses a link that has just expired: once more with a new one.
            guard error.refusesLink else { throw error }
        }
        let second = try await self.links.link(files)
        do {
            return try await self.content(second, request)
        } catch {
            guard error.refusesLink else { throw error }
            self.links.refused(second, of: files)
            throw error.notAgain()
        }
    }

    private func content(
        _ link: VagonLinks.Found,
        _ request: ContentRequest
    ) async throws(ProviderError) -> Content {
        var content = try await self.api.content(link.url, range: request.range)
        content.mimeType = link.contentType ?? content.mimeType
        return content
    }

    // MARK: Identity and words

    private func source(of reference: DownloadReference, prefix: String) -> VagonAPI.Source? {
        switch (prefix, reference.session) {
        case ("f", nil): return .shared
        case ("f", let machine?): return .machine(machine)
        case ("r", let machine?): return self.recordingsPath.map { .recordings(path: $0, machine: machine) }
        default: return nil
        }
    }

    /// The id of a stored file or a recording; refuses files on a disk, which Vagon only lists.
    private func storedFile(_ reference: DownloadReference, to operation: String) throws(ProviderError) -> String {
        guard let (prefix, identity) = ItemKey.split(reference.item) else { throw .notFound() }
        guard prefix != "c" else { throw .unsupported(operation, by: self.id) }
        guard prefix == "f" || prefix == "r" else { throw .notFound() }
        return identity
    }

    /// What the vendor said, in our words; `nil` for a file that could never be asked for again.
    func download(_ found: VagonFolderWalk.Found, prefix: String, session: String?) -> Download? {
        let file = found.file.attributes
        guard let key = ItemKey.make(prefix, found.file.id.text) else { return nil }
        let name = file.name.nonEmpty ?? file.fileName.nonEmpty ?? found.file.id.text
        return Download(
            reference: DownloadReference(provider: self.id, session: session, item: key),
            name: name,
            mimeType: file.contentType.nonEmpty,
            size: file.size?.bytes,
            createdAt: file.lastModifiedDate?.date,
            native: [String: JSONValue](known: [
                ("id", .string(found.file.id.text)),
                ("name", .string(name)),
                ("path", found.folder.isEmpty ? nil : .string(found.folder)),
                ("kind", prefix == "r" ? .string("recording") : nil),
            ])
        )
    }

    /// A file on a machine's own disk, in our words; `nil` without a path or a name.
    func download(_ file: VagonAPI.DiskFile, folder: String, session: String) -> Download? {
        let path =
            file.path.nonEmpty ?? file.name.nonEmpty.map { folder.hasSuffix("\\") ? folder + $0 : "\(folder)\\\($0)" }
        guard let path, let key = ItemKey.make("c", path) else { return nil }
        let name = file.name.nonEmpty ?? path
        return Download(
            reference: DownloadReference(provider: self.id, session: session, item: key),
            name: name,
            size: file.size?.bytes,
            native: ["name": .string(name), "path": .string(folder), "kind": "machineContent"]
        )
    }
}
