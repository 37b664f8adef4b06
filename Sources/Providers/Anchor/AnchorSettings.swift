// SPDX-License-Identifier: Apache-2.0

import Downloads
import HTTPTypes

/// The configuration of an AnchorBrowser account: `credentials: [{apiKey}]`, `baseURL`.
struct AnchorSettings: AdapterSettings {
    static let kind = "anchor"
    static let form = ProviderForm(
        defaultBaseURL: "https://api.anchorbrowser.io",
        credentialFields: ["apiKey"],
        settings: []
    )

    let address: UpstreamAddress

    init?(_ configuration: ProviderConfiguration) {
        guard !Self.form.credentials(in: configuration).isEmpty, let address = Self.form.address(in: configuration)
        else { return nil }
        self.address = address
    }

    static func capabilities(_ configuration: ProviderConfiguration) -> Capabilities { AnchorProvider.promises }

    func makeProvider(_ id: ProviderID, _ pool: CredentialPool, in environment: AdapterEnvironment) -> any Provider {
        let client = UpstreamClient(self.address, pool, in: environment) { credential, _ in
            HTTPFields(credential: "anchor-api-key", credential["apiKey"])
        }
        return AnchorProvider(id: id, api: AnchorAPI(client: client))
    }
}
