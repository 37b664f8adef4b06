// SPDX-License-Identifier: Apache-2.0

import Downloads

/// Why a token is not believed.
///
/// Neither text nor reason holds anything of the token.
public enum JWTRefusal: Error, Hashable, Sendable {
    /// It is no token for us, or not yet; the reason is for the log.
    case invalid(String)
    /// Everything is right but its time is over.
    case expired
}

/// A signed token taken apart, with nothing verified yet.
struct JWTToken {
    let text: String
    let header: [String: JSONValue]
    let claims: [String: JSONValue]
    let signature: [UInt8]
    let algorithm: JWTAlgorithm
    /// `kid`: the name of the key that it is to be verified with.
    let keyID: String?
    /// Whether it calls itself an access token (RFC 9068, 2.1).
    let isAccessToken: Bool

    /// What the signature is over: header and payload as they were sent.
    let signedText: Substring

    /// Takes the compact form of a JWS (RFC 7515, 7.1) apart; the five parts of a JWE are refused like any other text.
    init(_ text: String) throws(JWTRefusal) {
        guard text.utf8.count <= 16_384 else { throw .invalid("longer than 16 KiB") }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let last = parts.last else { throw .invalid("not a signed token of three parts") }
        self.header = try Self.object(parts[0], "header")
        self.claims = try Self.object(parts[1], "payload")
        guard let signature = Base64URL.decode(last.utf8), !signature.isEmpty else {
            throw .invalid("signature is malformed")
        }
        self.signature = signature
        self.signedText = text[..<parts[1].endIndex]
        self.text = text
        self.algorithm = try Self.algorithm(of: self.header)
        self.keyID = try Self.text("kid", of: self.header)
        let type = try Self.text("typ", of: self.header)?.lowercased() ?? "jwt"
        self.isAccessToken = ["at+jwt", "application/at+jwt"].contains(type)
        guard self.isAccessToken || type == "jwt" else { throw .invalid("header has another 'typ'") }
    }

    private static func object(_ part: Substring, _ name: String) throws(JWTRefusal) -> [String: JSONValue] {
        guard let bytes = Base64URL.decode(part.utf8), case .object(let members)? = StrictJSON.parse(bytes) else {
            throw .invalid("\(name) is malformed")
        }
        return members
    }

    private static func algorithm(of header: [String: JSONValue]) throws(JWTRefusal) -> JWTAlgorithm {
        guard header["crit"] == nil else { throw .invalid("header has 'crit'") }
        // `jwk`, `jku`, `x5u` and `x5c` are not looked at: who signs does not get to say what it is verified with.
        guard case .string(let name)? = header["alg"], let algorithm = JWTAlgorithm(rawValue: name) else {
            throw .invalid("header names no supported algorithm")
        }
        return algorithm
    }

    private static func text(_ name: String, of header: [String: JSONValue]) throws(JWTRefusal) -> String? {
        switch header[name] {
        case nil: return nil
        case .string(let text)?: return text
        default: throw .invalid("header has a '\(name)' that is no text")
        }
    }

    /// Whom the token says that it is from; to find the key by, not to be believed.
    var claimedIssuer: String? {
        guard case .string(let issuer)? = self.claims["iss"] else { return nil }
        return issuer
    }
}
