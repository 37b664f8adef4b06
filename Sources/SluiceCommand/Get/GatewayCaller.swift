// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Logging
import NIOCore
import Transfer

/// Calls a running gateway with one key.
struct GatewayCaller: Sendable {
    private let base: String
    private let origin: Origin
    private let key: String
    private let transfer: TransferClient

    /// `nil` where `address` is no http or https URL.
    init?(address: String, key: String) {
        guard let origin = Origin(of: address) else { return nil }
        self.base = address.hasSuffix("/") ? String(address.dropLast()) : address
        self.origin = origin
        self.key = key
        let silent = Logger(label: "get") { _ in SwiftLogNoOpLogHandler() }
        // Whoever names a gateway trusts its address; nothing else is asked.
        self.transfer = TransferClient(egress: EgressPolicy(), logger: silent)
    }

    /// Ends its thread and connections.
    func end() async { await self.transfer.shutdown() }

    // MARK: Downloads

    /// Has a URL downloaded.
    func create(_ url: String, provider: String?, checksum: String?) async throws -> RemoteDownload {
        var body = ["url": url]
        body["provider"] = provider
        body["checksum"] = checksum?.lowercased()
        let json = ByteBuffer(bytes: try JSONEncoder().encode(body))
        return try await self.json(
            TransferRequest(
                method: .post,
                url: self.base + "/v1/downloads",
                headers: [.contentType: "application/json"],
                body: .bytes(json)
            )
        )
    }

    /// What the gateway knows of a download now.
    func metadata(_ id: String) async throws -> RemoteDownload {
        try await self.json(TransferRequest(url: try self.address(of: id), headers: [.accept: "application/json"]))
    }

    /// Waits for a download that is on its way; throws where it does not arrive.
    func finished(
        _ first: RemoteDownload,
        progress: (_ received: Int64, _ total: Int64?) -> Void
    ) async throws -> RemoteDownload {
        var download = first
        while download.isActive {
            for try await event in try await self.events(of: download.id) {
                download = event
                if let now = event.progress { progress(now.receivedBytes, now.totalBytes) }
            }
            // A stream that ended too early: asked anew.
            if download.isActive {
                try await Task.sleep(for: .seconds(1))
                download = try await self.metadata(download.id)
            }
        }
        guard download.status == "completed" else {
            let reason = download.error.map { "\($0.message) (\($0.code))" } ?? "It was \(download.status)."
            throw GetFailure(message: reason)
        }
        return download
    }

    /// The validator of the file as it is now.
    func etag(of id: String) async throws -> String? {
        let request = TransferRequest(
            method: .head,
            url: try self.address(of: id),
            headers: [.accept: "application/octet-stream"]
        )
        let response = try await self.send(request)
        // The answer to HEAD has no problem in it; the one to GET has.
        guard response.status == 200 else {
            _ = try await self.metadata(id)
            throw GetFailure(message: "The gateway answered \(response.status).", mayRetry: true)
        }
        return response.headers[.eTag]
    }

    /// The bytes from `start` on, of the file that `etag` names, else all of them.
    func content(_ id: String, from start: Int64, etag: String?) async throws -> TransferResponse {
        var headers: HTTPFields = [.accept: "application/octet-stream"]
        if start > 0, let etag {
            headers[.range] = "bytes=\(start)-"
            headers[.ifRange] = etag
        }
        let response = try await self.send(TransferRequest(url: try self.address(of: id), headers: headers))
        guard [200, 206, 416].contains(response.status) else { throw await Self.refusal(response) }
        return response
    }

    // MARK: Requests

    private func events(of id: String) async throws -> RemoteEvents {
        let request = TransferRequest(url: try self.address(of: id), headers: [.accept: "text/event-stream"])
        let response = try await self.send(request)
        guard response.status == 200 else { throw await Self.refusal(response) }
        return RemoteEvents(body: response.body)
    }

    private func address(of id: String) throws -> String {
        guard id.utf8.allSatisfy({ ($0 > 47 && $0 < 58) || ($0 | 32 > 96 && $0 | 32 < 123) || $0 == 95 || $0 == 45 })
        else { throw GetFailure(message: "'\(id)' is not the id of a download.") }
        return "\(self.base)/v1/downloads/\(id)"
    }

    private func json(_ request: TransferRequest) async throws -> RemoteDownload {
        let response = try await self.send(request)
        guard [200, 202].contains(response.status) else { throw await Self.refusal(response) }
        guard let body = try? await response.body.collect(upTo: 1 << 20),
            let download = try? JSONDecoder().decode(RemoteDownload.self, from: Data(body.readableBytesView))
        else { throw GetFailure(message: "The gateway's answer is no download.") }
        return download
    }

    private func send(_ request: TransferRequest) async throws -> TransferResponse {
        var request = request
        request.trustedOrigin = self.origin
        request.credentials = [.authorization: "Bearer \(self.key)"]
        // An event stream is silent for up to 15 seconds, and a download may have to be asked for far away.
        request.limits = TransferLimits(connect: .seconds(10), firstByte: .seconds(90), idle: .seconds(60))
        do throws(TransferError) {
            return try await self.transfer.execute(request)
        } catch {
            throw GetFailure(message: "The gateway at \(self.base) cannot be reached: \(error.detail)", mayRetry: true)
        }
    }

    private static func refusal(_ response: TransferResponse) async -> GetFailure {
        let body = try? await response.body.collect(upTo: 1 << 20)
        let problem = body.flatMap { try? JSONDecoder().decode(RemoteProblem.self, from: Data($0.readableBytesView)) }
        let isPassing = [429, 502, 503, 504].contains(response.status)
        return GetFailure(message: problem?.message ?? "The gateway answered \(response.status).", mayRetry: isPassing)
    }
}
