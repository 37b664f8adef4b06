// SPDX-License-Identifier: Apache-2.0

import Downloads
import HTTPTypes

/// The configuration of a Notte account: `credentials: [{apiKey}]`, `baseURL`, `api` (`storage` or `files`).
struct NotteSettings: AdapterSettings {
    /// The vendor's two generations.
    ///
    /// Which one an account has cannot be seen from an answer: 404 also means "no such session".
    enum Generation: String, CaseIterable {
        case storage
        case files
    }

    static let kind = "notte"
    static let form = ProviderForm(
        defaultBaseURL: "https://api.notte.cc",
        credentialFields: ["apiKey"],
        settings: ["api"]
    )

    let address: UpstreamAddress
    let generation: Generation

    init?(_ configuration: ProviderConfiguration) {
        self.generation = Self.generation(configuration) ?? .storage
        guard !Self.form.credentials(in: configuration).isEmpty, let address = Self.form.address(in: configuration)
        else { return nil }
        self.address = address
    }

    static func capabilities(_ configuration: ProviderConfiguration) -> Capabilities {
        switch self.generation(configuration) ?? .storage {
        case .storage: NotteStorageProvider.promises
        case .files: NotteFilesProvider.promises
        }
    }

    static func ownProblems(in configuration: ProviderConfiguration) -> [FieldProblem] {
        guard self.generation(configuration) == nil else { return [] }
        let names = Generation.allCases.map(\.rawValue).joined(separator: " or ")
        return [FieldProblem(field: "api", message: "must be \(names)")]
    }

    func makeProvider(_ id: ProviderID, _ pool: CredentialPool, in environment: AdapterEnvironment) -> any Provider {
        let client = UpstreamClient(self.address, pool, in: environment) { credential, _ in
            HTTPFields(credential: "Authorization", "Bearer \(credential["apiKey"])")
        }
        let api = NotteAPI(client: client)
        switch self.generation {
        case .storage: return NotteStorageProvider(id: id, api: api, sleep: environment.sleep)
        case .files: return NotteFilesProvider(id: id, api: api)
        }
    }

    private static func generation(_ configuration: ProviderConfiguration) -> Generation? {
        switch configuration.settings["api"] {
        case nil, .null: .storage
        case .string(let name): Generation(rawValue: name)
        default: nil
        }
    }
}
