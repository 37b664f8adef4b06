// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import NIOCore
import Testing

@testable import Gateway

@Suite struct ProblemTests {
    private static let secret = "sk_live_the-upstreams-own-secret"

    @Test(arguments: [
        (ProviderError.Kind.notFound, 404, "NOT_FOUND"), (.unsupported, 501, "NOT_SUPPORTED"),
        (.invalidRequest, 400, "INVALID_REQUEST"), (.unauthorized, 502, "UPSTREAM_AUTH"),
        (.permission, 403, "UPSTREAM_PERMISSION"), (.downloadForbidden, 403, "DOWNLOAD_FORBIDDEN"),
        (.rateLimited, 429, "UPSTREAM_RATE_LIMITED"), (.conflict, 409, "CONFLICT"),
        (.machineNotRunning, 409, "MACHINE_NOT_RUNNING"), (.notReady, 409, "NOT_READY"),
        (.failed(.init(code: .storageFull, message: "Full.")), 409, "DOWNLOAD_FAILED"),
        (.rangeNotSatisfiable(size: 7), 416, "RANGE_NOT_SATISFIABLE"), (.addressRefused, 403, "DOMAIN_BLOCKED"),
        (.unavailable, 503, "UPSTREAM_UNAVAILABLE"), (.timeout, 504, "UPSTREAM_TIMEOUT"),
        (.malformedResponse, 502, "UPSTREAM_MALFORMED"), (.upstream(status: 500), 502, "UPSTREAM_ERROR"),
        (.upstream(status: 401), 502, "UPSTREAM_ERROR"), (.cancelled, 503, "UPSTREAM_UNAVAILABLE"),
    ])
    func everyFailureOfAnUpstreamHasItsCode(_ kind: ProviderError.Kind, _ status: Int, _ code: String) async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x")
        let error = ProviderError(kind, retry: .after(.seconds(9)), message: "What happened.", cause: Self.secret)
        provider.script { $0.failures[.content] = error }
        let fixture = try await GatewayFixture([provider])
        let answer = try await fixture.send(.get, fixture.path(of: download))
        #expect(answer.status.code == status)
        #expect(answer.problemCode == code)
        #expect(answer.headers[.cacheControl] == "no-store")
        #expect(answer.headers[.retryAfter] == "9")
        #expect(answer.headers[.wwwAuthenticate] == nil)
        let head = answer.headers.map { "\($0.name): \($0.value)" }.joined(separator: "\n")
        #expect(!(answer.text + head).contains(Self.secret))
        let entry = try #require(try await fixture.log().first)
        #expect(entry.status == status)
        #expect(entry.code == code)
        #expect(entry.outcome == (status >= 500 ? .failed : .refused))
        #expect(!"\(entry)".contains(Self.secret))
    }

    @Test func aWaitBeyondReasonIsBounded() {
        func wait(_ seconds: Int64) -> String? {
            Problem(ProviderError(.rateLimited, retry: .after(.seconds(seconds)), message: "")).headers[.retryAfter]
        }
        #expect(wait(0) == "1")
        #expect(wait(-5) == "1")
        #expect(wait(.max) == "86400")
        #expect(wait(60) == "60")
    }

    /// The table of api.md 5.
    @Test func everyCodeHasTheStatusOfTheContract() {
        let contract: [Int: [String]] = [
            400: ["INVALID_REQUEST", "INVALID_URL", "INVALID_CURSOR"], 401: ["UNAUTHENTICATED", "TOKEN_EXPIRED"],
            403: ["INSUFFICIENT_SCOPE", "DOMAIN_BLOCKED", "DOWNLOAD_FORBIDDEN", "UPSTREAM_PERMISSION"],
            404: ["NOT_FOUND"], 405: ["METHOD_NOT_ALLOWED"], 406: ["NOT_ACCEPTABLE"],
            409: ["NOT_READY", "DOWNLOAD_FAILED", "CONFLICT", "MACHINE_NOT_RUNNING"], 412: ["PRECONDITION_FAILED"],
            413: ["TOO_LARGE"], 415: ["UNSUPPORTED_MEDIA_TYPE"], 416: ["RANGE_NOT_SATISFIABLE"],
            422: ["IDEMPOTENCY_MISMATCH"], 429: ["RATE_LIMITED", "QUOTA_EXCEEDED", "UPSTREAM_RATE_LIMITED"],
            500: ["INTERNAL"], 501: ["NOT_SUPPORTED"],
            502: ["UPSTREAM_AUTH", "UPSTREAM_ERROR", "UPSTREAM_MALFORMED"],
            503: ["UPSTREAM_UNAVAILABLE", "OVERLOADED"], 504: ["UPSTREAM_TIMEOUT"],
        ]
        for code in Problem.Code.allCases {
            #expect(contract[code.status.code]?.contains(code.rawValue) == true, "\(code)")
            #expect(!code.title.isEmpty)
        }
        #expect(Set(Problem.Code.allCases.map(\.title)).count == Problem.Code.allCases.count)
    }

    @Test func aProblemHasTheFormOfRFC9457() throws {
        let problem = Problem.field("limit", "must be less")
        let body = try JSONDecoder().decode(JSONValue.self, from: Data(problem.body(requestID: "r1").readableBytesView))
        #expect(
            body
                == .object([
                    "type": "urn:sluice:problem:invalid-request", "title": "Invalid request", "status": 400,
                    "detail": "The field 'limit' is not valid.", "code": "INVALID_REQUEST", "requestId": "r1",
                    "errors": .array([.object(["field": "limit", "message": "must be less"])]),
                ])
        )
        let plain = try JSONDecoder().decode(
            JSONValue.self,
            from: Data(Problem.notFound.body(requestID: "r").readableBytesView)
        )
        #expect(!plain.members.contains("errors"))
    }

    // MARK: Routes

    @Test(arguments: [
        ("/", 404), ("/v1", 404), ("/v1/unknown", 404), ("/v2/downloads", 404), ("/V1/downloads", 404),
        ("/v1/downloads/a/b", 404), ("/v1/downloads/", 404), ("/v1/keys/x/y/z", 404),
    ])
    func anUnknownRouteIsAProblemToo(_ path: String, _ status: Int) async throws {
        let fixture = try await GatewayFixture([])
        for method in [HTTPRequest.Method.get, .post, .delete] {
            let answer = try await fixture.send(method, path)
            #expect(answer.status.code == status)
            #expect(answer.problemCode == "NOT_FOUND")
        }
    }

    @Test(arguments: [
        ("PUT", "/v1/downloads", "DELETE, GET, POST"), ("HEAD", "/v1/downloads", "DELETE, GET, POST"),
        ("PATCH", "/v1/downloads/dl_x", "DELETE, GET, HEAD"), ("POST", "/v1/downloads/dl_x", "DELETE, GET, HEAD"),
        ("DELETE", "/v1/keys", "GET, POST"), ("PUT", "/v1/keys/x", "DELETE, GET, PATCH"), ("POST", "/v1/logs", "GET"),
        ("GET", "/v1/providers/alpha/test", "POST"), ("FOO", "/openapi.yaml", "GET"),
        ("GET", "/v1/keys/x/rotate", "POST"),
        ("OPTIONS", "/v1/providers", "GET, POST"), ("POST", "/healthz", "GET, HEAD"),
    ])
    func aWrongMethodIsToldTheRightOnes(_ method: String, _ path: String, _ allow: String) async throws {
        let fixture = try await GatewayFixture([])
        let answer = try await fixture.send(try #require(.init(method)), path)
        #expect(answer.status == .methodNotAllowed)
        // An answer to `HEAD` has the head of the problem, and no body.
        #expect(answer.problemCode == (method == "HEAD" ? nil : "METHOD_NOT_ALLOWED"))
        #expect(answer.data.isEmpty == (method == "HEAD"))
        #expect(answer.headers[.allow] == allow)
    }

    // MARK: Request ids

    @Test(arguments: ["a", "my-Request_1.2", String(repeating: "x", count: 128)])
    func aCallersOwnRequestIDIsKept(_ id: String) async throws {
        let fixture = try await GatewayFixture([])
        for path in ["/v1/downloads", "/unknown", "/v1/downloads?limit=0"] {
            #expect(try await fixture.send(.get, path, headers: [.requestID: id]).headers[.requestID] == id)
        }
        #expect(Set(try await fixture.log().map(\.requestId)) == [id])
    }

    @Test(arguments: ["", " ", "a b", "a/b", "ü", "a\tb", "<script>", String(repeating: "x", count: 129)])
    func anyOtherRequestIDIsReplaced(_ id: String) async throws {
        let fixture = try await GatewayFixture([])
        let answer = try await fixture.send(.get, "/v1/downloads", headers: [.requestID: id])
        let given = try #require(answer.headers[.requestID])
        #expect(given != id)
        #expect(UUID(uuidString: given) != nil)
    }

    @Test func twoRequestIDsAreNone() async throws {
        let fixture = try await GatewayFixture([])
        var headers: HTTPFields = [:]
        for id in ["a", "b"] { headers.append(.init(name: .requestID, value: id)) }
        let answer = try await fixture.send(.get, "/v1/downloads", headers: headers)
        #expect(answer.headers[values: .requestID].count == 1)
        #expect(answer.headers[.requestID].flatMap(UUID.init) != nil)
    }
}
