// SPDX-License-Identifier: Apache-2.0

/// A request's target, fit for a log: query strings are secret until proven otherwise.
enum RedactedPath {
    /// The only parameters whose values are kept: the contract's own filters, none of which can be a credential.
    ///
    /// What people type (`q`, `filename`), what continues something (`cursor`), and `key`, which other services use for a
    /// secret, are not among them.
    static let harmless: Set<String> = [
        "code", "confirm", "createdAfter", "createdBefore", "groupBy", "limit", "maxSize", "method", "mimeType",
        "minSize", "offset", "onError", "overwrite", "provider", "sessionId", "since", "sort", "status", "until",
    ]

    /// The path and its query, in printable ASCII, at most 2,048 bytes.
    static func of(_ target: String) -> String {
        if Self.isPlain(target) { return target }
        let path = target.utf8.prefix { $0 != UInt8(ascii: "?") }
        guard path.count < target.utf8.count else { return Self.bounded(Self.redactSegments(path), toBytes: 2048) }
        let query = target.utf8.dropFirst(path.count + 1)
            .split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: false).map(Self.redact)
        return Self.bounded(Self.redactSegments(path) + "?" + query.joined(separator: "&"), toBytes: 2048)
    }

    /// Whether a target has no query, nothing that could be a key, and nothing to escape: most have not.
    private static func isPlain(_ target: String) -> Bool {
        target.utf8.count <= 2048
            && target.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "?") }
            && !Self.holdsKey(target.utf8[...])
    }

    /// Whether `slc_` stands somewhere, in letters of either case.
    private static func holdsKey(_ text: Substring.UTF8View) -> Bool {
        // The last four letters, in lower case.
        var last: UInt32 = 0
        for byte in text {
            last = last << 8 | UInt32(byte | 0x20)
            // `_` becomes DEL by that.
            if last == 0x736C_637F { return true }
        }
        return false
    }

    /// The path without gateway keys that somebody put in the place of an id.
    private static func redactSegments(_ path: Substring.UTF8View) -> String {
        guard Self.holdsKey(path) else { return String(Substring(path)) }
        return path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .map { Self.holdsKey($0.prefix(4)) ? "REDACTED" : String(Substring($0)) }
            .joined(separator: "/")
    }

    private static func redact(_ pair: Substring.UTF8View) -> String {
        let text = String(Substring(pair))
        // A value without a name is all value: `?slc_…` must not be taken for a name.
        guard let equals = pair.firstIndex(of: UInt8(ascii: "=")) else {
            return text.isEmpty || Self.harmless.contains(text) ? text : "REDACTED"
        }
        let name = String(Substring(pair[..<equals]))
        // A gateway key in the wrong place is a key all the same.
        guard !Self.holdsKey(pair[..<equals]) else { return "REDACTED=REDACTED" }
        let keepsValue = Self.harmless.contains(name) && !Self.holdsKey(pair[equals...])
        return keepsValue ? text : "\(name)=REDACTED"
    }

    /// A text that a caller sent, without the gateway key that somebody may have put there.
    static func withoutKey(_ text: String) -> String { Self.holdsKey(text.utf8[...]) ? "REDACTED" : text }

    /// Text without control characters or anything else than printable ASCII (they become `%XX`), cut to `limit` bytes.
    static func bounded(_ text: String, toBytes limit: Int) -> String {
        if text.utf8.count <= limit, text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return text }
        var safe: [UInt8] = []
        safe.reserveCapacity(min(text.utf8.count, limit))
        for byte in text.utf8.prefix(limit + 1) {
            let length = safe.count
            if (0x20...0x7E).contains(byte) { safe.append(byte) } else { safe += Self.escape(byte).utf8 }
            guard safe.count <= limit else {
                return String(decoding: safe[..<max(0, length - 1)], as: UTF8.self) + "~"
            }
        }
        return String(decoding: safe, as: UTF8.self)
    }

    private static func escape(_ byte: UInt8) -> String {
        "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }
}
