// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Logging
import NIOCore
import Simulators
import Transfer

@testable import Providers

/// What a scripted upstream says to one request.
struct ScriptedAnswer: Sendable {
    var status = 200
    var headers: [(String, String)] = [("Content-Type", "application/json")]
    var body = ""
    /// `nil`: the true length.
    var promisedLength: Int?

    static func json(_ body: String, status: Int = 200) -> ScriptedAnswer { ScriptedAnswer(status: status, body: body) }

    static func html(status: Int = 200) -> ScriptedAnswer {
        ScriptedAnswer(status: status, headers: [("Content-Type", "text/html")], body: "<html><h1>Hello</h1></html>")
    }

    static func bytes(_ body: String, status: Int = 200, _ headers: [(String, String)] = []) -> ScriptedAnswer {
        ScriptedAnswer(status: status, headers: [("Content-Type", "application/octet-stream")] + headers, body: body)
    }

    var text: String {
        var lines = ["HTTP/1.1 \(self.status) Status", "Connection: close"]
        lines += self.headers.map { "\($0.0): \($0.1)" }
        if self.status != 204 { lines.append("Content-Length: \(self.promisedLength ?? self.body.utf8.count)") }
        return lines.joined(separator: "\r\n") + "\r\n\r\n" + self.body
    }
}

/// A server on loopback that answers by a function of the request line, such as `GET /v1/downloads?limit=100`.
struct ScriptedUpstream: Sendable {
    let server: RawServer

    static func start(
        _ answer: @escaping @Sendable (_ line: String, _ base: String) -> ScriptedAnswer
    ) async throws -> ScriptedUpstream {
        let server = try await RawServer.start { connection in
            let request = try await connection.readHead()
            _ = try await connection.readBody(of: request)
            let line = request.line.replacing(" HTTP/1.1", with: "")
            let base = "http://" + (request.values("Host").first ?? "")
            try await connection.send(answer(line, base).text)
        }
        return ScriptedUpstream(server: server)
    }

    var baseURL: String { self.server.url("") }

    /// The request lines so far, without the version.
    var lines: [String] { self.server.requests.map { $0.line.replacing(" HTTP/1.1", with: "") } }

    func stop() async { await self.server.shutdown() }
}

/// Runs `body` with a scripted upstream and a bare adapter for it, and ends both.
func withScripted<Result>(
    _ kind: String,
    settings: [String: JSONValue] = [:],
    credentials: [ProviderCredential]? = nil,
    now: @escaping @Sendable () -> Date = { Date(timeIntervalSince1970: 1_767_225_600) },
    answer: @escaping @Sendable (_ line: String, _ base: String) -> ScriptedAnswer,
    _ body: (any Provider, ScriptedUpstream) async throws -> Result
) async throws -> Result {
    let upstream = try await ScriptedUpstream.start(answer)
    let transfer = makeTransfer()
    let provider = try makeProvider(
        kind,
        baseURL: upstream.baseURL,
        credentials: credentials ?? [defaultCredential(kind)],
        settings: settings,
        transfer: transfer,
        now: now
    )
    do {
        let result = try await body(provider, upstream)
        await transfer.shutdown()
        await upstream.stop()
        return result
    } catch {
        await transfer.shutdown()
        await upstream.stop()
        throw error
    }
}

func makeTransfer() -> TransferClient {
    TransferClient(egress: EgressPolicy(allowAddresses: ["127.0.0.0/8"]), logger: Logger(label: "test"))
}

/// Made-up credentials that must never be seen in any text.
func defaultCredential(_ kind: String) -> ProviderCredential {
    switch kind {
    case "vagon": ["apiKey": Secret("ak_very_secret"), "secret": Secret("sk_very_secret")]
    case "hoody": ["token": Secret("token_very_secret")]
    default: ["apiKey": Secret("key_very_secret")]
    }
}

/// The bare adapter, without layers, with a fixed time, a counted nonce and no waiting.
func makeProvider(
    _ kind: String,
    baseURL: String,
    credentials: [ProviderCredential],
    settings: [String: JSONValue] = [:],
    transfer: TransferClient,
    now: @escaping @Sendable () -> Date = { Date(timeIntervalSince1970: 1_767_225_600) }
) throws -> any Provider {
    let configuration = ProviderConfiguration(
        id: try testID(kind),
        kind: kind,
        baseURL: baseURL,
        credentials: credentials,
        settings: settings
    )
    if let problem = ProviderCatalog.problems(in: configuration).first { throw problem }
    let environment = AdapterEnvironment(
        transfer: transfer,
        limits: TransferLimits(),
        now: now,
        sleep: { _ in try Task.checkCancellation() }
    )
    let made: (any AdapterSettings)? =
        switch kind {
        case "anchor": AnchorSettings(configuration)
        case "browserbase": BrowserbaseSettings(configuration)
        case "hoody": HoodySettings(configuration)
        case "notte": NotteSettings(configuration)
        default: VagonSettings(configuration)
        }
    guard let made else { throw FieldProblem(field: kind, message: "is unconfigured") }
    let pool = CredentialPool(type(of: made).form.credentials(in: configuration))
    return made.makeProvider(configuration.id, pool, in: environment)
}

func testID(_ name: String) throws -> ProviderID {
    guard let id = ProviderID(name) else { throw FieldProblem(field: "id", message: "is malformed") }
    return id
}

/// All bytes of a body as text.
func text(of content: Content) async throws -> String {
    var bytes = ByteBuffer()
    for try await piece in content.body { bytes.writeImmutableBuffer(piece) }
    return String(buffer: bytes)
}

/// The error that `call` throws; `nil` where it succeeds.
func failure<Value>(_ call: () async throws -> Value) async -> ProviderError? {
    do {
        _ = try await call()
        return nil
    } catch {
        return error as? ProviderError
    }
}
