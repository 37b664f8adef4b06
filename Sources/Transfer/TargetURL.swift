// SPDX-License-Identifier: Apache-2.0

import CCurl

/// A URL that may be asked, as libcurl's own parser reads it; the same parsed form is handed to the transfer.
///
/// One reading for policy and transfer leaves no room between the two (smokescreen CVE-2022-24825, CVE-2022-29188).
///
/// `@safe`, `@unchecked Sendable`: the parsed URL is written in `init` only. libcurl copies it where a transfer starts.
@safe
final class TargetURL: @unchecked Sendable {
    /// Guard: see the type.
    let parsed: OpaquePointer
    /// Scheme, host and port.
    let origin: Origin
    /// The URL as it is asked, without fragment.
    let text: String

    /// Longer ones are refused.
    static let maximumLength = 16 * 1024

    /// Reads an absolute http or https URL.
    convenience init(_ text: String) throws(TransferError) {
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw TransferError(.invalidURL, detail: "a character that must be percent-encoded")
        }
        guard let parsed = unsafe curl_url() else { throw TransferError(.invalidURL, detail: "out of memory") }
        try unsafe self.init(parsed, reading: text, flags: 0)
    }

    /// Reads the target of a redirect, absolute or relative to `base`; bytes beyond ASCII and spaces are percent-encoded.
    convenience init(_ location: String, from base: TargetURL) throws(TransferError) {
        guard location.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw TransferError(.invalidURL, detail: "a control character")
        }
        guard let parsed = unsafe curl_url_dup(base.parsed) else {
            throw TransferError(.invalidURL, detail: "out of memory")
        }
        try unsafe self.init(parsed, reading: location, flags: UInt32(CURLU_URLENCODE))
    }

    private init(_ parsed: OpaquePointer, reading text: String, flags: UInt32) throws(TransferError) {
        unsafe self.parsed = parsed
        do {
            try unsafe Self.set(parsed, text, flags)
            (self.origin, self.text) = try unsafe Self.read(parsed)
        } catch {
            // A class that throws before all is set has no deinit to do it.
            unsafe curl_url_cleanup(parsed)
            throw error
        }
    }

    deinit {
        unsafe curl_url_cleanup(self.parsed)
    }

    private static func set(_ parsed: OpaquePointer, _ text: String, _ flags: UInt32) throws(TransferError) {
        guard text.utf8.count <= Self.maximumLength else { throw TransferError(.invalidURL, detail: "too long") }
        // WHATWG parsers take it for a slash, RFC 3986 ones do not.
        guard !text.utf8.contains(UInt8(ascii: "\\")) else { throw TransferError(.invalidURL, detail: "a backslash") }
        let code = unsafe curl_url_set(parsed, CURLUPART_URL, text, flags | UInt32(CURLU_DISALLOW_USER))
        guard code == CURLUE_OK else {
            throw TransferError(.invalidURL, detail: unsafe String(cString: curl_url_strerror(code)))
        }
        _ = unsafe curl_url_set(parsed, CURLUPART_FRAGMENT, nil, 0)
    }

    private static func read(_ parsed: OpaquePointer) throws(TransferError) -> (Origin, String) {
        guard
            let scheme = unsafe Self.part(parsed, CURLUPART_SCHEME)?.lowercased(), ["http", "https"].contains(scheme),
            unsafe Self.part(parsed, CURLUPART_USER) == nil, unsafe Self.part(parsed, CURLUPART_PASSWORD) == nil
        else { throw TransferError(.invalidURL, detail: "not http or https, or with credentials") }
        guard
            let host = unsafe Self.part(parsed, CURLUPART_HOST).flatMap(Self.canonicalHost),
            unsafe Self.part(parsed, CURLUPART_ZONEID) == nil,
            let port = unsafe Self.part(parsed, CURLUPART_PORT, UInt32(CURLU_DEFAULT_PORT)).flatMap(UInt16.init),
            port > 0,
            let text = unsafe Self.part(parsed, CURLUPART_URL)
        else { throw TransferError(.invalidURL, detail: "no host or port that can be asked") }
        return (Origin(scheme: scheme, host: host, port: Int(port)), text)
    }

    private static func part(_ parsed: OpaquePointer, _ part: CURLUPart, _ flags: UInt32 = 0) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard unsafe curl_url_get(parsed, part, &text, flags) == CURLUE_OK, let text = unsafe text else { return nil }
        defer { unsafe curl_free(text) }
        return unsafe String(cString: text)
    }

    /// Lower case, without brackets and one trailing dot; `nil` for what is neither a plain name nor an address.
    private static func canonicalHost(_ host: String) -> String? {
        if host.hasPrefix("["), host.hasSuffix("]") {
            return IPAddress(String(host.dropFirst().dropLast())).map { _ in host.dropFirst().dropLast().lowercased() }
        }
        let name = host.hasSuffix(".") ? host.dropLast() : host[...]
        let labels = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let isSound = labels.allSatisfy { label in !label.isEmpty && label.allSatisfy { Self.isHostByte($0) } }
        return isSound ? name.lowercased() : nil
    }

    /// Whether a host name may hold the byte: letters, digits, hyphen, underscore.
    static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }
}
