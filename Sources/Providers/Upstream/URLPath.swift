// SPDX-License-Identifier: Apache-2.0

import Downloads

/// Percent-encoding of what goes into an upstream's URL (RFC 3986).
enum URLPath {
    /// `text` as exactly one path part, slashes included.
    ///
    /// Throws `notFound` for an empty text and for dot segments: they would turn an item's URL into another one.
    static func part(_ text: String) throws(ProviderError) -> String {
        guard !text.isEmpty, text != ".", text != ".." else { throw .notFound() }
        return self.encode(text)
    }

    /// `path` encoded part by part, its slashes kept; without a leading or trailing slash.
    ///
    /// Throws `notFound` for an empty path, for empty parts and for dot segments.
    static func parts(_ path: String) throws(ProviderError) -> String {
        var encoded: [String] = []
        // On scalars: as characters, "/" with a combining mark after it would not be a "/".
        for part in path.unicodeScalars.split(separator: "/", omittingEmptySubsequences: false) {
            encoded.append(try self.part(String(part)))
        }
        return encoded.joined(separator: "/")
    }

    /// `?name=value&…`, or nothing.
    static func query(_ items: [(name: String, value: String)]) -> String {
        guard !items.isEmpty else { return "" }
        return "?" + items.map { "\(self.encode($0.name))=\(self.encode($0.value))" }.joined(separator: "&")
    }

    private static func encode(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            if self.isUnreserved(byte) {
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let hex = String(byte, radix: 16, uppercase: true)
                encoded += byte < 16 ? "%0" + hex : "%" + hex
            }
        }
        return encoded
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        byte.isASCIILetterOrDigit || "-._~".utf8.contains(byte)
    }
}
