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
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = parts.first.map(Self.redactSegments) ?? ""
        guard parts.count == 2 else { return Self.bounded(path, toBytes: 2048) }
        let query = parts[1].split(separator: "&", omittingEmptySubsequences: false).map(Self.redact)
        return Self.bounded(path + "?" + query.joined(separator: "&"), toBytes: 2048)
    }

    /// Whether a target has no query, nothing that could be a key, and nothing to escape: most have not.
    private static func isPlain(_ target: String) -> Bool {
        guard target.utf8.count <= 2048 else { return false }
        // The last four letters, in lower case.
        var last: UInt32 = 0
        for byte in target.utf8 {
            guard (0x21...0x7E).contains(byte), byte != UInt8(ascii: "?") else { return false }
            last = last << 8 | UInt32(byte | 0x20)
            // `_` becomes DEL by that.
            if last == 0x736C_637F { return false }
        }
        return true
    }

    /// The path without gateway keys that somebody put in the place of an id.
    private static func redactSegments(_ path: Substring) -> String {
        path.split(separator: "/", omittingEmptySubsequences: false)
            .map { $0.lowercased().hasPrefix("slc_") ? "REDACTED" : String($0) }
            .joined(separator: "/")
    }

    private static func redact(_ pair: Substring) -> String {
        // A value without a name is all value: `?slc_…` must not be taken for a name.
        guard let equals = pair.firstIndex(of: "=") else {
            return pair.isEmpty || Self.harmless.contains(String(pair)) ? String(pair) : "REDACTED"
        }
        let name = String(pair[..<equals])
        let value = pair[pair.index(after: equals)...]
        // A gateway key in the wrong place is a key all the same.
        let keepsValue = Self.harmless.contains(name) && !value.lowercased().contains("slc_")
        return keepsValue ? String(pair) : "\(name)=REDACTED"
    }

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
