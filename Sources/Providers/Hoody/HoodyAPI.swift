// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import NIOCore

/// Hoody's endpoints (the seed, docs.hoody.icu, hoody-sdk; providers.md, 5).
///
/// `GET` with a value for `download` would *start* a transfer; nothing here sends one.
struct HoodyAPI: Sendable {
    let client: UpstreamClient

    /// What lies directly in a folder.
    func entries(_ folder: HoodyPath) async throws(ProviderError) -> [Entry] {
        try await self.client.json(Entries.self, UpstreamCall(.get, "/api/v1/files/" + (try Self.encode(folder))))
            .entries
    }

    /// The transfers that run into one folder.
    func active(in folder: HoodyPath) async throws(ProviderError) -> [Transfer] {
        let call = UpstreamCall(.get, "/" + (try Self.encode(folder)), query: [(name: "downloads", value: "")])
        return try await self.client.json(Active.self, call).downloads
    }

    /// The transfers that run anywhere on the server.
    func active() async throws(ProviderError) -> [Transfer] {
        try await self.client.json(Active.self, UpstreamCall(.get, "/api/v1/downloads")).downloads
    }

    /// The transfers that have ended, anywhere on the server.
    func history() async throws(ProviderError) -> [Transfer] {
        let call = UpstreamCall(.get, "/", query: [(name: "download_history", value: "")])
        return try await self.client.json(History.self, call).history
    }

    /// What the server knows of one file; throws `notFound` for a folder.
    func stat(_ path: HoodyPath) async throws(ProviderError) -> Stat {
        let call = UpstreamCall(.get, "/api/v1/files/stat/" + (try URLPath.parts(path.text)))
        let stat = try await self.client.json(Stat.self, call)
        guard stat.isFile else { throw .notFound() }
        return stat
    }

    /// A file's bytes.
    ///
    /// Some servers hide a refusal under status 200. What looks like one (a little JSON without a strong validator) is read
    /// before it is passed on, so that it is never taken for the file.
    func content(_ path: HoodyPath, range: ByteRange?) async throws(ProviderError) -> Content {
        let call = UpstreamCall(
            .get,
            "/" + (try URLPath.parts(path.text)),
            accept: "*/*",
            range: range,
            maxRedirects: 5
        )
        return try await self.client.content(call) { content in
            guard content.range == nil, content.validator == nil, let length = content.length else { return false }
            return length <= 4096 && content.mimeType?.lowercased().hasPrefix("application/json") == true
        }
    }

    /// Removes a file.
    ///
    /// A folder would go with all that is in it, so that ``stat(_:)`` comes first.
    func delete(_ path: HoodyPath) async throws(ProviderError) {
        _ = try await self.stat(path)
        try await self.client.perform(UpstreamCall(.delete, "/" + (try URLPath.parts(path.text))))
    }

    /// Stops a transfer; older servers do not have this.
    func cancel(_ transfer: String) async throws(ProviderError) {
        try await self.client.perform(UpstreamCall(.delete, "/api/v1/downloads/" + (try URLPath.part(transfer))))
    }

    /// What became of a start.
    enum Start: Sendable {
        /// The server took it; the transfer's id, where the answer has it.
        case begun(String?)
        /// The server said that it does not, or that the transfer has ended badly.
        case refused(ProviderError)
        /// There is no answer, or none of the file server's own: the transfer may run.
        case unclear(ProviderError)
    }

    /// Has the server fetch a URL into a folder.
    ///
    /// A `GET` that writes. Newer servers answer when the transfer has ended, so that it takes patience.
    func start(_ request: CreateRequest, into folder: HoodyPath, named name: String) async -> Start {
        do throws(ProviderError) {
            switch try await self.client.result(of: try Self.call(request, into: folder, named: name)) {
            case .success(let answer): return .begun(try self.client.decode(Started.self, from: answer).id?.value)
            case .failure(let failure): return Self.isOwn(failure) ? .refused(failure.error) : .unclear(failure.error)
            }
        } catch {
            switch error.kind {
            case .unavailable, .timeout, .malformedResponse, .cancelled: return .unclear(error)
            default: return .refused(error)
            }
        }
    }

    private static func call(
        _ request: CreateRequest,
        into folder: HoodyPath,
        named name: String
    ) throws(ProviderError) -> UpstreamCall {
        let seconds = request.timeout.components.seconds
        var call = UpstreamCall(
            .get,
            "/" + (try Self.encode(folder)),
            query: [
                (name: "download", value: request.url), (name: "filename", value: name),
                (name: "timeout", value: String(seconds)),
            ]
        )
        call.patience = .seconds(seconds + 30)
        call.writes = true
        return call
    }

    /// Whether the file server itself says no, not what stands before it and may have lost the server's answer.
    private static func isOwn(_ failure: UpstreamFailure) -> Bool {
        switch failure.status {
        case 408, 500, 502...: self.word(in: failure.answer) != nil
        default: true
        }
    }

    private static func encode(_ folder: HoodyPath) throws(ProviderError) -> String {
        folder == .root ? "" : try URLPath.parts(folder.text)
    }
}

/// Failures: `success: false` is one also under a status of success.
extension HoodyAPI {
    static func refine(_ answer: UpstreamAnswer, _ words: UpstreamWords) -> RefinedFailure? {
        guard let refusal = self.refusal(in: answer) else { return nil }
        if let word = refusal.word, let (kind, retry) = self.kinds[word] {
            return .error(ProviderError(kind, retry: retry, message: "The file server refused (\(word))."))
        }
        guard answer.isSuccess else { return nil }
        let reason = words.find(in: answer) ?? "no reason given"
        return .error(ProviderError(.upstream(status: answer.status), message: "The file server refused: \(reason)"))
    }

    /// The file server's own word for a refusal; `nil` where the answer has none that is known.
    private static func word(in answer: UpstreamAnswer) -> String? { self.refusal(in: answer)?.word }

    private static func refusal(in answer: UpstreamAnswer) -> Refusal? {
        guard !answer.isHTML, let refusal = try? JSONDecoder().decode(Refusal.self, from: answer.body),
            refusal.success?.value == false || !answer.isSuccess
        else { return nil }
        return refusal
    }

    private static let kinds: [String: (ProviderError.Kind, ProviderError.Retry)] = [
        "INVALID_URL": (.invalidRequest, .never), "DOMAIN_BLOCKED": (.permission, .never),
        "DOWNLOAD_TIMEOUT": (.timeout, .now), "NETWORK_ERROR": (.unavailable, .now),
        "REMOTE_FILE_NOT_FOUND": (.notFound, .never), "RESOURCE_NOT_FOUND": (.notFound, .never),
        "DOWNLOAD_FORBIDDEN": (.downloadForbidden, .never), "ACCESS_FORBIDDEN": (.unauthorized, .never),
        "FILE_PATH_BUSY": (.conflict, .never), "FILE_PATH_CHANGED": (.conflict, .never),
        "MOUNT_PATH_RESERVED": (.conflict, .never), "CONTAINS_SERVICE_STORAGE": (.conflict, .never),
    ]

    private struct Refusal: Decodable {
        var success: Lenient<Bool>?
        var code: Lenient<String>?
        var error: Lenient<String>?

        /// Newer servers put it under `code`, and a sentence under `error`.
        var word: String? {
            [self.code?.value, self.error?.value].compactMap { $0 }.first { HoodyAPI.kinds[$0] != nil }
        }
    }
}
