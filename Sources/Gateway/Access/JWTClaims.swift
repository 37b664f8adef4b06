// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// What a verified token says, checked against its issuer's settings and the time.
///
/// Only the claims read here count: whatever else a token holds changes nothing.
struct JWTClaims {
    let subject: String
    let scopes: Set<Scope>
    let providers: Set<ProviderID>?
    let sessions: [SessionGlob]?
    let expiresAt: Date

    private typealias Members = [String: JSONValue]

    /// Reads the claims of a token whose signature is good.
    init(_ claims: [String: JSONValue], of issuer: JWTIssuer, now: Date) throws(JWTRefusal) {
        guard claims["iss"] == .string(issuer.issuer) else { throw .invalid("another issuer") }
        try Self.checkAudience(claims["aud"], issuer.audiences)
        self.subject = try Self.subject(claims["sub"])
        self.scopes = try Self.scopes(claims)
        // A name or pattern that nothing can have narrows to nothing, never to everything.
        self.providers = try Self.strings(claims, "providers").map { Set($0.compactMap { ProviderID($0) }) }
        self.sessions = try Self.strings(claims, "sessions").map { $0.compactMap { SessionGlob($0) } }
        self.expiresAt = try Self.checkTimes(claims, leeway: issuer.leeway, now: now)
    }

    private static func checkAudience(_ claim: JSONValue?, _ accepted: [String]) throws(JWTRefusal) {
        let named: [JSONValue]
        switch claim {
        case .string?: named = claim.map { [$0] } ?? []
        case .array(let elements)?: named = elements
        default: throw .invalid("no audience")
        }
        guard accepted.contains(where: { named.contains(.string($0)) }) else { throw .invalid("another audience") }
    }

    private static func subject(_ claim: JSONValue?) throws(JWTRefusal) -> String {
        guard case .string(let subject)? = claim, (1...255).contains(subject.utf8.count),
            subject.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
        else { throw .invalid("'sub' is missing or malformed") }
        return subject
    }

    /// Names that are no scope of ours are for other services.
    private static func scopes(_ claims: Members) throws(JWTRefusal) -> Set<Scope> {
        if let claim = claims["scope"] {
            guard case .string(let text) = claim else { throw .invalid("'scope' is not a text") }
            return Set(text.split(separator: " ").compactMap { Scope(rawValue: String($0)) })
        }
        return Set(try Self.strings(claims, "scp")?.compactMap(Scope.init) ?? [])
    }

    private static func strings(_ claims: Members, _ name: String) throws(JWTRefusal) -> [String]? {
        guard let claim = claims[name] else { return nil }
        guard case .array(let elements) = claim else { throw .invalid("'\(name)' is not a list") }
        var strings: [String] = []
        for element in elements {
            guard case .string(let text) = element else { throw .invalid("'\(name)' holds something else than text") }
            strings.append(text)
        }
        return strings
    }

    /// Checks `exp`, `nbf` and `iat` (RFC 7519, 4.1); last, so that only a token that is right in all else is "expired".
    private static func checkTimes(_ claims: Members, leeway: Duration, now: Date) throws(JWTRefusal) -> Date {
        let leeway = Double(leeway.components.seconds)
        let now = now.timeIntervalSince1970
        guard let expiry = try Self.time(claims["exp"], "exp") else { throw .invalid("no 'exp'") }
        if let notBefore = try Self.time(claims["nbf"], "nbf"), now + leeway < notBefore {
            throw .invalid("not valid yet")
        }
        if let issued = try Self.time(claims["iat"], "iat"), now + leeway < issued {
            throw .invalid("issued in the future")
        }
        guard now < expiry + leeway else { throw .expired }
        return Date(timeIntervalSince1970: expiry + leeway)
    }

    /// Seconds since 1970, from then to the year 9999.
    private static func time(_ claim: JSONValue?, _ name: String) throws(JWTRefusal) -> Double? {
        let seconds: Double
        switch claim {
        case nil: return nil
        case .integer(let value)?: seconds = Double(value)
        case .number(let value)?: seconds = value
        default: throw .invalid("'\(name)' is not a number")
        }
        guard (0...253_402_300_799).contains(seconds) else { throw .invalid("'\(name)' is no time") }
        return seconds
    }
}
