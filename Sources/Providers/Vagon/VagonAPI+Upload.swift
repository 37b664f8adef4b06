// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes

/// What puts files in (providers.md, 4.3 and 4.5).
extension VagonAPI {
    struct Made: Decodable, Sendable {
        var id: WireID
        var uploadURLs: [String]?

        enum CodingKeys: String, CodingKey {
            case id
            case uploadURLs = "upload_urls"
        }

        var links: [String] { self.uploadURLs ?? [] }
    }

    /// In megabytes, as the vendor has it by default.
    private static let chunkSize: Int64 = 250

    /// Announces a file of `size` bytes.
    func create(
        _ request: UploadRequest,
        size: Int64,
        parent: String?
    ) async throws(ProviderError) -> Made {
        var fields: [String: JSONValue] = [
            "file_name": .string(request.filename), "object_type": "file",
            "content_type": .string(request.mimeType ?? "application/octet-stream"), "size": .integer(size),
            "chunk_size": .integer(Self.chunkSize), "overwrite": .bool(request.overwrites),
        ]
        fields["parent_id"] = parent.map(Self.number)
        fields["machine_id"] = request.session.map(Self.number)
        return try await self.client.json(
            Made.self,
            UpstreamCall(.post, Self.prefix + "/files", body: Self.body(fields))
        )
    }

    /// Makes a folder.
    func createFolder(_ name: String, parent: String?, machine: String?) async throws(ProviderError) -> String {
        var fields: [String: JSONValue] = ["file_name": .string(name), "object_type": "directory"]
        fields["parent_id"] = parent.map(Self.number)
        fields["machine_id"] = machine.map(Self.number)
        return try await self.client.json(
            Made.self,
            UpstreamCall(.post, Self.prefix + "/files", body: Self.body(fields))
        ).id.text
    }

    /// Sends a part to its link, without the signature; returns the store's `ETag`.
    func put(_ stream: UpstreamStream, at link: String) async throws(ProviderError) -> String {
        let answer = try await self.client.put(stream, at: link)
        guard let etag = answer.headers[.eTag], !etag.isEmpty else {
            throw ProviderError(.malformedResponse, message: "Vagon's store took a part and did not name its ETag.")
        }
        return etag
    }

    /// Says that all parts are there.
    func complete(_ file: String, etags: [String]) async throws(ProviderError) {
        let parts = etags.enumerated().map { index, etag in
            JSONValue.object(["part_number": .integer(Int64(index) + 1), "etag": .string(etag)])
        }
        let path = "\(Self.prefix)/files/\(try URLPath.part(file))/complete"
        try await self.client.perform(UpstreamCall(.post, path, body: Self.body(["parts": .array(parts)])))
    }

    /// Removes a file that was begun, where it is still there.
    func discard(file: String) async throws(ProviderError) {
        do { try await self.delete(file: file) } catch { if error.kind != .notFound { throw error } }
    }

    private static func number(_ id: String) -> JSONValue { Int64(id).map { .integer($0) } ?? .string(id) }
}
