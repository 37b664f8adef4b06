// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import NIOCore

/// Vagon's endpoints (docs.vagon.io/teams/reference and the vendor's example; providers.md, 4).
struct VagonAPI: Sendable {
    let client: UpstreamClient
    /// Where a job's state is asked, with `{id}`; after the prefix.
    let jobStatusPath: String

    static let prefix = "/organization-management/v1"
    static let perPage = 100

    /// One page of the machines.
    func machines(page: Int, perPage: Int = Self.perPage) async throws(ProviderError) -> MachinePage {
        try await self.client.json(
            MachinePage.self,
            UpstreamCall(.get, Self.prefix + "/machines", query: Self.query(page: page, perPage: perPage))
        )
    }

    /// One page of the files of a folder; without `parent` of the top folder.
    func files(_ source: Source, parent: String?, page: Int) async throws(ProviderError) -> FilePage {
        var query = Self.query(page: page)
        if let parent { query.append((name: "parent_id", value: parent)) }
        var path: String
        switch source {
        case .shared: path = "/files"
        case .machine(let machine): path = "/machines/\(try URLPath.part(machine))/files"
        case .recordings(let configured, let machine):
            path = configured
            query.append((name: "machine_id", value: machine))
        }
        path = Self.prefix + path
        return try await self.client.json(FilePage.self, UpstreamCall(.get, path, query: query))
    }

    /// The files in a folder on a running machine's own disk.
    func diskFiles(machine: String, folder: String) async throws(ProviderError) -> [DiskFile] {
        let path = "\(Self.prefix)/machines/\(try URLPath.part(machine))/list-content"
        let call = UpstreamCall(.post, path, body: Self.body(["path": .string(folder)]))
        return try await self.client.json(DiskContent.self, call).files
    }

    /// Asks for a link to a file's bytes, or to a zip of several.
    func link(files: [String]) async throws(ProviderError) -> Link {
        let numbers = files.map { file in Int64(file).map { JSONValue.integer($0) } ?? .string(file) }
        let call = UpstreamCall(
            .post,
            Self.prefix + "/files/download",
            body: Self.body(["file_ids": .array(numbers)])
        )
        switch try await self.client.result(of: call) {
        case .success(let answer): return try self.client.decode(Link.self, from: answer)
        case .failure(let failure):
            // An older server has only the call for one file, and no route for this one.
            let answer = failure.answer
            guard let file = files.first, files.count == 1,
                answer.status == 405 || (answer.status == 404 && answer.isHTML)
            else { throw failure.error }
            let path = "\(Self.prefix)/files/\(try URLPath.part(file))/download"
            return try await self.client.json(Link.self, UpstreamCall(.get, path))
        }
    }

    /// Asks whether a job has made its link.
    func job(_ id: String) async throws(ProviderError) -> Link {
        let path = self.jobStatusPath.replacing("{id}", with: try URLPath.part(id))
        return try await self.client.json(Link.self, UpstreamCall(.get, Self.prefix + path))
    }

    /// The bytes behind a link, without the signature: S3 refuses a request that has both.
    func content(_ link: String, range: ByteRange?) async throws(ProviderError) -> Content {
        try await self.client.follow(link, range: range, sendsCredential: false)
    }

    /// Removes a stored file.
    func delete(file: String) async throws(ProviderError) {
        try await self.client.perform(UpstreamCall(.delete, "\(Self.prefix)/files/\(try URLPath.part(file))"))
    }

    private static func query(page: Int, perPage: Int = Self.perPage) -> [(name: String, value: String)] {
        [(name: "page", value: String(page)), (name: "per_page", value: String(perPage))]
    }

    /// JSON, made once: what is signed must be what is sent.
    static func body(_ fields: [String: JSONValue]) -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Text, numbers and lists of them always encode.
        return ByteBuffer(bytes: (try? encoder.encode(fields)) ?? Data())
    }
}

/// Failures: what `client_code` says counts before the HTTP status, since most codes are no HTTP statuses.
extension VagonAPI {
    static func refine(_ answer: UpstreamAnswer, _ words: UpstreamWords) -> RefinedFailure? {
        guard !answer.isHTML, let envelope = try? JSONDecoder().decode(Envelope.self, from: answer.body),
            let code = envelope.clientCode?.value
        else { return nil }
        let reason = words.find(in: answer) ?? "no reason given"
        func error(_ kind: ProviderError.Kind, _ retry: ProviderError.Retry = .never) -> RefinedFailure {
            .error(ProviderError(kind, retry: retry, message: "Vagon refused (\(code)): \(reason)"))
        }
        if code >= 300, let failure = Self.uploadFailure(reason.lowercased()) { return .error(failure) }
        switch code {
        case 200...299: return nil
        case 400 where reason.lowercased().contains("not running"), 4201: return error(.machineNotRunning)
        case 440, 469: return error(.unavailable, .now)
        case 450: return error(.conflict)
        case 480, 4110, 4710: return error(.permission)
        case 4202: return error(.invalidRequest)
        case 400...599: return .status(code)
        default: return answer.isSuccess ? error(.upstream(status: answer.status)) : nil
        }
    }

    /// What the vendor has words for and prints no numbers.
    private static func uploadFailure(_ reason: String) -> ProviderError? {
        if reason.contains("already exist") || reason.contains("file exists") { return .nameTaken }
        let isFull = reason.contains("storage full") || reason.contains("storage is full")
        if isFull || reason.contains("storage limit") {
            return .failed(.storageFull, .never, "Vagon has no room for the file.")
        }
        guard reason.contains("size mismatch") else { return nil }
        return .failed(.incomplete, .now, "Vagon holds another number of bytes than was announced.")
    }

    struct Envelope: Decodable {
        var clientCode: Lenient<Int>?

        enum CodingKeys: String, CodingKey {
            case clientCode = "client_code"
        }
    }
}
