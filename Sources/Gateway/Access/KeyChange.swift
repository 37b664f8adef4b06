// SPDX-License-Identifier: Apache-2.0

public import Downloads
public import Foundation

/// Settings of a gateway key that somebody gives it: all of a new one, or some in place of those that it has.
///
/// The API and the command line both make this value, so that both hold a key to the same rules.
public struct KeyChange: Hashable, Sendable {
    /// A name for people; `nil`: as it is.
    public var name: String?
    /// What its callers may do; `nil`: as it is.
    public var scopes: Set<Scope>?
    /// The providers that they may see, `.some(nil)` for all; `nil`: as it is.
    public var providers: Set<ProviderID>??
    /// The sessions that they may see, `.some(nil)` for all; `nil`: as it is.
    public var sessions: [SessionGlob]??
    /// Its own limits, `.some(nil)` for the default ones; `nil`: as it is.
    public var limits: RateLimitPolicy??
    /// When it stops, `.some(nil)` for never; `nil`: as it is.
    public var expiresAt: Date??

    /// Creates a change of nothing.
    public init() {}

    /// The settings of a new key; without a name or scopes they are not good, see ``problems(at:)``.
    public var newSettings: KeySettings {
        var settings = KeySettings(name: "", scopes: [])
        self.apply(to: &settings)
        return settings
    }

    /// Everything that is wrong with what it sets, where it is made at `now`.
    public func problems(at now: Date) -> [FieldProblem] {
        var problems: [FieldProblem] = []
        func check(_ field: String, _ isGood: Bool?, _ message: String) {
            if isGood == false { problems.append(FieldProblem(field: field, message: message)) }
        }
        let scopes = Scope.allCases.map(\.rawValue).joined(separator: ", ")
        check("name", self.name.map(Self.isName), "must have 1–200 bytes without control characters")
        check("scopes", self.scopes.map { !$0.isEmpty }, "must name at least one of \(scopes)")
        let count = "must name 1–100, or none at all for all of them"
        check("providers", (self.providers ?? nil).map { (1...100).contains($0.count) }, count)
        check("sessions", (self.sessions ?? nil).map { (1...100).contains($0.count) }, count)
        check("expiresAt", (self.expiresAt ?? nil).map { $0 > now }, "must be a time to come")
        return problems
    }

    func apply(to settings: inout KeySettings) {
        if let name { settings.name = name }
        if let scopes { settings.scopes = scopes }
        if let providers { settings.providers = providers }
        if let sessions { settings.sessions = sessions }
        if let limits { settings.limits = limits }
        if let expiresAt { settings.expiresAt = expiresAt }
    }

    private static func isName(_ name: String) -> Bool {
        (1...200).contains(name.utf8.count)
            && name.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    }
}
