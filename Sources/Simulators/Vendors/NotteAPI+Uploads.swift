// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore

/// What puts files into Notte, each as the part `file` of a form.
extension NotteAPI {
    /// The most bytes of a file, as the vendor has it.
    private static let longest = 100_000_000

    private func form(_ request: SimulatedRequest) throws -> SimulatedForm {
        guard let form = SimulatedForm(request) else { throw Refusal(Self.invalid("file: Field required")) }
        guard form.bytes.readableBytes <= Self.longest else { throw Refusal(Self.refuse(413, "File too large")) }
        return form
    }

    // MARK: The storage generation

    /// The files of the account; a name is the identity.
    private var givenFiles: [SimulatedFile] { self.library.files(in: nil, role: .upload) }

    func given(_ request: SimulatedRequest) throws -> SimulatedResponse {
        _ = try StrictQuery(request, only: [], Self.invalid)
        return .json(["files": .array(self.givenFiles.map(Self.info))])
    }

    func givenLink(_ name: String) throws -> SimulatedResponse {
        guard let file = self.givenFiles.first(where: { $0.name.isExactly(name) }) else {
            throw Refusal(Self.refuse(404, "File not found"))
        }
        return .json(["url": .string(self.links.make(.file(file), below: self.storage))])
    }

    /// Takes a file into the account, or into a session, where it counts as downloaded.
    func give(_ request: SimulatedRequest, _ session: String?, _ name: String) throws -> SimulatedResponse {
        let session = try session.map { try self.known($0).id }
        let form = try self.form(request)
        let role: SimulatedFile.Role = session == nil ? .upload : .download
        self.library.removeFiles { $0.session == session && $0.role == role && $0.name.isExactly(name) }
        self.library.addFile(name, bytes: form.bytes, in: session, role: role)
        return .json(["success": true])
    }

    // MARK: The files generation

    /// Takes a file into a session; each has an id of its own.
    func upload(_ request: SimulatedRequest, to session: String) throws -> SimulatedResponse {
        let session = try self.known(session).id
        let form = try self.form(request)
        let file = self.library.addFile(
            form.filename,
            bytes: form.bytes,
            in: session,
            role: .upload,
            mimeType: form.contentType
        )
        return .json(Self.json(file))
    }
}

/// A form with the one part `file` (RFC 7578).
struct SimulatedForm {
    let filename: String
    let contentType: String
    let bytes: ByteBuffer

    /// `nil` for anything else.
    init?(_ request: SimulatedRequest) {
        let prefix = "multipart/form-data; boundary="
        guard let type = request.header("Content-Type"), type.hasPrefix(prefix) else { return nil }
        let boundary = String(type.dropFirst(prefix.utf8.count))
        let (begin, end) = ("--\(boundary)\r\n", "\r\n--\(boundary)--\r\n")
        var body = request.body
        guard body.readString(length: begin.utf8.count) == begin,
            let fields = Self.fields(&body), let bytes = body.readSlice(length: body.readableBytes - end.utf8.count),
            body.readString(length: end.utf8.count) == end
        else { return nil }
        let lines = fields.components(separatedBy: "\r\n")
        let disposition = "Content-Disposition: form-data; name=\"file\"; filename=\""
        let typePrefix = "Content-Type: "
        guard lines.count == 2, lines[0].hasPrefix(disposition), lines[0].hasSuffix("\""),
            lines[1].hasPrefix(typePrefix)
        else { return nil }
        self.filename = String(lines[0].dropFirst(disposition.count).dropLast()).replacing("%22", with: "\"")
        self.contentType = String(lines[1].dropFirst(typePrefix.count))
        self.bytes = bytes
    }

    /// The part's header fields, up to the blank line.
    private static func fields(_ body: inout ByteBuffer) -> String? {
        let blank = Array("\r\n\r\n".utf8)
        let start = Array(body.readableBytesView.prefix(16 << 10))
        guard let end = start.indices.first(where: { start[$0...].starts(with: blank) }) else { return nil }
        defer { body.moveReaderIndex(forwardBy: blank.count) }
        return body.readString(length: end)
    }
}
