// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// A refusal or failure as the caller sees it (RFC 9457); the only form in which errors leave the gateway.
struct Problem: Error {
    /// The contract's codes.
    enum Code: String, CaseIterable {
        case invalidRequest = "INVALID_REQUEST"
        case invalidURL = "INVALID_URL"
        case invalidCursor = "INVALID_CURSOR"
        case unauthenticated = "UNAUTHENTICATED"
        case tokenExpired = "TOKEN_EXPIRED"
        case insufficientScope = "INSUFFICIENT_SCOPE"
        case domainBlocked = "DOMAIN_BLOCKED"
        case downloadForbidden = "DOWNLOAD_FORBIDDEN"
        case upstreamPermission = "UPSTREAM_PERMISSION"
        case notFound = "NOT_FOUND"
        case methodNotAllowed = "METHOD_NOT_ALLOWED"
        case notAcceptable = "NOT_ACCEPTABLE"
        case notReady = "NOT_READY"
        case downloadFailed = "DOWNLOAD_FAILED"
        case conflict = "CONFLICT"
        case machineNotRunning = "MACHINE_NOT_RUNNING"
        case preconditionFailed = "PRECONDITION_FAILED"
        case tooLarge = "TOO_LARGE"
        case unsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE"
        case rangeNotSatisfiable = "RANGE_NOT_SATISFIABLE"
        case idempotencyMismatch = "IDEMPOTENCY_MISMATCH"
        case rateLimited = "RATE_LIMITED"
        case quotaExceeded = "QUOTA_EXCEEDED"
        case upstreamRateLimited = "UPSTREAM_RATE_LIMITED"
        case internalError = "INTERNAL"
        case notSupported = "NOT_SUPPORTED"
        case upstreamAuth = "UPSTREAM_AUTH"
        case upstreamError = "UPSTREAM_ERROR"
        case upstreamMalformed = "UPSTREAM_MALFORMED"
        case upstreamUnavailable = "UPSTREAM_UNAVAILABLE"
        case upstreamTimeout = "UPSTREAM_TIMEOUT"
        case overloaded = "OVERLOADED"
    }

    var code: Code
    /// A sentence for people; holds no secret.
    var detail: String
    /// The fields at fault.
    var errors: [FieldProblem] = []
    /// Fields for the answer's head, such as `Retry-After`.
    var headers: HTTPFields = [:]

    init(_ code: Code, _ detail: String, errors: [FieldProblem] = [], headers: HTTPFields = [:]) {
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = headers
    }

    /// A fault in one field.
    static func field(_ field: String, _ message: String, code: Code = .invalidRequest) -> Problem {
        Problem(code, "The field '\(field)' is not valid.", errors: [FieldProblem(field: field, message: message)])
    }

    /// Faults in several fields, all told at once.
    static func fields(_ problems: [FieldProblem]) -> Problem {
        let names = problems.map { "'\($0.field)'" }.joined(separator: ", ")
        return Problem(.invalidRequest, "Not valid: \(names).", errors: problems)
    }

    static let notFound = Problem(.notFound, "There is nothing here.")

    /// The answer, with the request's id in its body.
    func response(requestID: String) -> Response {
        var headers = self.headers
        headers[.contentType] = "application/problem+json"
        headers[.cacheControl] = "no-store"
        return Response(
            status: self.code.status,
            headers: headers,
            body: ResponseBody(byteBuffer: self.body(requestID: requestID))
        )
    }

    func body(requestID: String) -> ByteBuffer {
        JSONText.encode(
            Body(
                type: "urn:sluice:problem:" + self.code.rawValue.lowercased().replacing("_", with: "-"),
                title: self.code.title,
                status: self.code.status.code,
                detail: self.detail,
                code: self.code.rawValue,
                requestId: requestID,
                errors: self.errors.isEmpty ? nil : self.errors.map { Body.Field(field: $0.field, message: $0.message) }
            )
        )
    }

    private struct Body: Encodable {
        struct Field: Encodable {
            let field: String
            let message: String
        }

        let type: String
        let title: String
        let status: Int
        let detail: String
        let code: String
        let requestId: String
        let errors: [Field]?
    }
}

extension Problem.Code {
    /// The status that goes with the code.
    var status: HTTPResponse.Status {
        switch self {
        case .invalidRequest, .invalidURL, .invalidCursor: .badRequest
        case .unauthenticated, .tokenExpired: .unauthorized
        case .insufficientScope, .domainBlocked, .downloadForbidden, .upstreamPermission: .forbidden
        case .notFound: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .notAcceptable: .notAcceptable
        case .notReady, .downloadFailed, .conflict, .machineNotRunning: .conflict
        case .preconditionFailed: .preconditionFailed
        case .tooLarge: .contentTooLarge
        case .unsupportedMediaType: .unsupportedMediaType
        case .rangeNotSatisfiable: .rangeNotSatisfiable
        case .idempotencyMismatch: .unprocessableContent
        case .rateLimited, .quotaExceeded, .upstreamRateLimited: .tooManyRequests
        case .internalError: .internalServerError
        case .notSupported: .notImplemented
        case .upstreamAuth, .upstreamError, .upstreamMalformed: .badGateway
        case .upstreamUnavailable, .overloaded: .serviceUnavailable
        case .upstreamTimeout: .gatewayTimeout
        }
    }

    /// The same words for every occurrence of the code.
    var title: String {
        let words = self.rawValue.lowercased().split(separator: "_").joined(separator: " ")
        return words.prefix(1).uppercased() + words.dropFirst()
    }
}
