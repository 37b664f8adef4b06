// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

/// One of the requests that a ``TransferRequest`` becomes: the first, or one after a redirect.
struct Hop: Sendable {
    private(set) var method: HTTPRequest.Method
    private(set) var url: TargetURL
    private(set) var body: TransferRequestBody
    let limits: TransferLimits
    /// See ``TransferRequest/writes``.
    let writes: Bool
    /// Whether this and every hop before had the trusted origin.
    ///
    /// A foreign host must not be able to send us back with a key in hand, or to an address that only the operator may name.
    private(set) var isTrusted: Bool

    private var headers: HTTPFields
    private var originHeaders: HTTPFields
    private let credentials: HTTPFields
    private let trustedOrigin: Origin?
    private let maxRedirects: Int
    private var redirects = 0

    /// The first hop; throws where the request must not be sent.
    init(_ request: TransferRequest) throws(TransferError) {
        self.method = request.method
        self.url = try TargetURL(request.url)
        self.body = request.body
        self.limits = request.limits
        self.writes = request.writes
        self.headers = request.headers
        self.originHeaders = request.originHeaders
        self.credentials = request.credentials
        self.trustedOrigin = request.trustedOrigin
        self.maxRedirects = request.maxRedirects
        self.isTrusted = request.trustedOrigin == self.url.origin
        guard self.method != .connect, HTTPField.Name(self.method.rawValue) != nil else {
            throw TransferError(.malformed, detail: "a method that is not sent")
        }
        for field in [request.headers, request.originHeaders, request.credentials].joined() { try Self.check(field) }
    }

    /// Refuses the hop where the policy does, by what is known before the name is resolved.
    func check(_ judge: EgressJudge) throws(TransferError) {
        guard !self.isTrusted, let reason = judge.refusal(of: self.url.origin) else { return }
        throw TransferError(.addressRefused(reason: reason), detail: self.url.origin.host)
    }

    /// What is asked after this answer (RFC 9110, 15.4); `nil` where the answer is the last.
    func next(status: Int, location: String?) throws(TransferError) -> Hop? {
        guard self.maxRedirects > 0, [301, 302, 303, 307, 308].contains(status) else { return nil }
        guard self.redirects < self.maxRedirects else { throw TransferError(.tooManyRedirects) }
        guard let location, !location.isEmpty else {
            throw TransferError(.tooManyRedirects, detail: "a redirect without a target")
        }
        var next = self
        next.redirects += 1
        next.url = try TargetURL(location, from: self.url)
        try next.leave(self.url.origin)
        try next.adapt(to: status)
        return next
    }

    private mutating func leave(_ previous: Origin) throws(TransferError) {
        guard self.url.origin != previous else { return }
        if previous.scheme == "https", self.url.origin.scheme == "http" {
            throw TransferError(.addressRefused(reason: "downgrade"), detail: self.url.origin.host)
        }
        self.isTrusted = false
        self.originHeaders = [:]
        // Whoever put a secret here by mistake did not mean it for another host.
        for name in [HTTPField.Name.authorization, .cookie] { self.headers[name] = nil }
    }

    private mutating func adapt(to status: Int) throws(TransferError) {
        let becomesGet = status == 303 ? self.method != .head : self.method == .post && status < 303
        if becomesGet {
            self.method = .get
            self.body = .none
            for name in [HTTPField.Name.contentType, .contentEncoding, .contentLanguage] { self.headers[name] = nil }
        }
        if case .stream = self.body {
            throw TransferError(.tooManyRedirects, detail: "a streamed body cannot be sent twice")
        }
    }

    /// The header lines for libcurl; the ones that end in a colon take away what it would add of its own.
    var headerLines: [String] {
        var fields = self.headers
        for field in self.originHeaders { fields[field.name] = nil }
        fields.append(contentsOf: self.originHeaders)
        if self.isTrusted {
            for field in self.credentials { fields[field.name] = nil }
            fields.append(contentsOf: self.credentials)
        }
        // A body is passed on as it is; nothing here unpacks it (swift-nio-extras CVE-2022-3252).
        if !fields.contains(.acceptEncoding) { fields[.acceptEncoding] = "identity" }
        return fields.map { $0.name.rawName + ($0.value.isEmpty ? ";" : ": " + $0.value) }
            + Self.added.filter { !fields.contains($0) }.map { $0.rawName + ":" }
    }

    /// Fields that libcurl sends where it is not told otherwise.
    private static let added: [HTTPField.Name] = [.accept, .contentType, .userAgent, .expect]

    /// Fields by which a caller could contradict the framing, or name another host than the one judged.
    private static let reserved: Set<String> = [
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade",
    ]

    private static func check(_ field: HTTPField) throws(TransferError) {
        guard !self.reserved.contains(field.name.canonicalName) else {
            throw TransferError(.malformed, detail: "the request may not set \(field.name.canonicalName)")
        }
        // The types promise it already; what is emitted is looked at once more (SwiftNIO GHSA-cq87-8r7h-962v).
        guard HTTPField.Name(field.name.rawName) != nil,
            !field.value.utf8.contains(where: { [0, 10, 13].contains($0) })
        else {
            throw TransferError(.malformed, detail: "a request header with a forbidden character")
        }
    }
}
