// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOConcurrencyHelpers
import NIOCore

/// Files that were announced and are not complete: no list has them.
final class VagonUploads: Sendable {
    struct Upload: Sendable {
        var name: String
        var machine: String?
        var parent: Int?
        var contentType: String
        var size: Int64
        var overwrites: Bool
        var parts: [SimulatedPart]
    }

    private let uploads = NIOLockedValueBox<[Int: Upload]>([:])

    subscript(number: Int) -> Upload? { self.uploads.withLockedValue { $0[number] } }

    func add(_ upload: Upload, as number: Int) { self.uploads.withLockedValue { $0[number] = upload } }

    /// Forgets an upload; whether there was one.
    func drop(_ number: Int) -> Bool { self.uploads.withLockedValue { $0.removeValue(forKey: number) != nil } }
}

extension VagonAPI {
    private struct CreateBody: Decodable {
        static let fields: Set<String> = [
            "file_name", "object_type", "content_type", "size", "chunk_size", "overwrite", "parent_id", "machine_id",
        ]

        var file_name: String
        var object_type: String
        var content_type: String?
        var size: Int64?
        var chunk_size: Int64?
        var overwrite: Bool?
        var parent_id: Int?
        var machine_id: Int?
    }

    private struct CompleteBody: Decodable {
        struct Part: Decodable {
            var part_number: Int
            var etag: String
        }

        var parts: [Part]
    }

    private func bad(_ message: String) -> Refusal { Refusal(self.refuse(400, message)) }

    /// Makes a directory, or announces a file and names a link for each of its parts.
    func create(_ request: SimulatedRequest) throws -> SimulatedResponse {
        let data = Data(request.body.readableBytesView)
        let names = ((try? JSONSerialization.jsonObject(with: data)) as? [String: Any]).map { Set($0.keys) } ?? []
        guard names.isSubset(of: CreateBody.fields), let body = try? JSONDecoder().decode(CreateBody.self, from: data),
            !body.file_name.isEmpty
        else { throw self.bad("Invalid parameters") }
        let machine = try body.machine_id.map { try self.machine(String($0)) }
        guard machine?.permitsUpload != false else { throw Refusal(self.refuse(4710, "Permission required")) }
        let parent = (body.parent_id ?? 0) == 0 ? nil : body.parent_id
        let siblings = self.library.files.filter { $0.session == machine?.id && $0.parent == parent }
        if let parent {
            let folder = self.library.files.first { $0.number == parent && $0.isFolder && $0.session == machine?.id }
            guard folder != nil else { throw Refusal(self.refuse(404, "Parent folder not found")) }
        }
        let holder = siblings.first { $0.name == body.file_name && ($0.role == .download || $0.isFolder) }
        switch body.object_type {
        case "directory":
            guard holder == nil else { throw self.bad("File already exists") }
            let folder = self.library.addFile(
                body.file_name,
                size: 0,
                in: machine?.id,
                role: .folder,
                parent: parent
            )
            return self.answer(["id": .int(folder.number), "uid": .string(folder.id)])
        case "file":
            guard holder == nil || (body.overwrite == true && holder?.isFolder == false) else {
                throw self.bad("File already exists")
            }
            return try self.announce(body, machine?.id, parent)
        default: throw self.bad("object_type must be file or directory")
        }
    }

    private func announce(_ body: CreateBody, _ machine: String?, _ parent: Int?) throws -> SimulatedResponse {
        guard let size = body.size, size >= 0, let type = body.content_type, !type.isEmpty else {
            throw self.bad("size and content_type are required")
        }
        let stored = self.library.files.reduce(Int64(0)) { $0 + $1.size }
        guard size <= self.options.capacity - stored else { throw self.bad("Storage full") }
        let chunk = body.chunk_size ?? 250
        guard (1...1000).contains(chunk) else { throw self.bad("chunk_size is out of range") }
        let length = chunk * self.options.megabyte
        let parts = (0..<max(1, (size + length - 1) / length)).map { _ in SimulatedPart() }
        let number = self.library.takeNumber()
        self.uploads.add(
            VagonUploads.Upload(
                name: body.file_name,
                machine: machine,
                parent: parent,
                contentType: type,
                size: size,
                overwrites: body.overwrite ?? false,
                parts: parts
            ),
            as: number
        )
        let links = parts.map { JSON.string(self.links.make(.part($0), below: self.storage)) }
        return self.answer([
            "id": .int(number), "uid": .string(self.library.makeUUID()), "upload_urls": .array(links),
            "chunk_size": .int(chunk),
        ])
    }

    /// Makes a file of the parts, all of which must be there, with the `ETag`s that the store gave.
    func complete(_ request: SimulatedRequest, _ id: String) throws -> SimulatedResponse {
        guard let number = Int(id), let upload = self.uploads[number] else {
            throw Refusal(self.refuse(404, "File not found"))
        }
        guard let body = try? JSONDecoder().decode(CompleteBody.self, from: Data(request.body.readableBytesView)),
            body.parts.map(\.part_number) == Array(1...upload.parts.count)
        else { throw self.bad("parts are required, in their order") }
        var bytes = ByteBuffer()
        for (part, named) in zip(upload.parts, body.parts) {
            guard let content = part.content, content.etag == named.etag else { throw self.bad("Invalid part") }
            bytes.writeImmutableBuffer(content.bytes)
        }
        guard bytes.readableBytes == Int(upload.size) else { throw self.bad("Size mismatch") }
        let isHolder: (SimulatedFile) -> Bool = {
            $0.session == upload.machine && $0.parent == upload.parent && $0.role == .download && $0.name == upload.name
        }
        guard upload.overwrites || !self.library.files.contains(where: isHolder) else {
            throw self.bad("File already exists")
        }
        self.library.removeFiles(where: isHolder)
        let file = self.library.addFile(
            upload.name,
            bytes: bytes,
            in: upload.machine,
            parent: upload.parent,
            number: number,
            mimeType: upload.contentType
        )
        _ = self.uploads.drop(number)
        let link = self.links.make(.file(file), below: self.storage)
        return self.answer(["uid": .string(file.id), "download_url": .string(link)])
    }
}
