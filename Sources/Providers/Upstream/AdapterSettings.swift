// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Transfer

/// What one kind of provider makes of its configuration.
///
/// Each adapter has exactly one type of this.
protocol AdapterSettings: Sendable {
    /// The name of the kind.
    static var kind: String { get }

    /// The vendor's address and the names that may be written.
    static var form: ProviderForm { get }

    /// What a provider of this configuration promises, also while it has no credential.
    static func capabilities(_ configuration: ProviderConfiguration) -> Capabilities

    /// Faults in the settings that only this kind has.
    static func ownProblems(in configuration: ProviderConfiguration) -> [FieldProblem]

    /// Reads a configuration without problems; `nil` where what it needs is empty (`unconfigured`).
    init?(_ configuration: ProviderConfiguration)

    /// The base URL as it may be shown, also while there is no credential.
    static func shown(_ address: UpstreamAddress) -> String

    /// The adapter, without layers; it sends the credentials of `pool`.
    func makeProvider(_ id: ProviderID, _ pool: CredentialPool, in environment: AdapterEnvironment) -> any Provider
}

extension AdapterSettings {
    static func ownProblems(in configuration: ProviderConfiguration) -> [FieldProblem] { [] }

    static func shown(_ address: UpstreamAddress) -> String { address.url }

    /// All faults.
    static func problems(in configuration: ProviderConfiguration) -> [FieldProblem] {
        self.form.problems(in: configuration) + self.ownProblems(in: configuration)
    }
}

/// What adapters are given from outside: the network, the time, chance.
struct AdapterEnvironment: Sendable {
    var transfer: TransferClient
    var limits: TransferLimits
    var web = WebEnvironment()
    var now: @Sendable () -> Date = { Date() }
    var nonce: @Sendable () -> String = { UUID().lowercaseText }
    /// Waits; throws when cancelled.
    var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
}

extension ProviderCredential {
    /// The text of a field; empty where it is missing.
    subscript(field: String) -> String { self.fields[field]?.reveal() ?? "" }
}

extension HTTPFields {
    /// One field that holds a credential; nothing where the name or the value cannot be one.
    init(credential name: String, _ value: String) {
        self.init()
        guard let name = HTTPField.Name(name), HTTPField.isValidValue(value) else { return }
        self[name] = value
    }
}
