// SPDX-License-Identifier: Apache-2.0

import Downloads
import HTTPTypes

/// The configuration of a Browserbase project: `credentials: [{apiKey}]`, `baseURL`.
struct BrowserbaseSettings: AdapterSettings {
    static let kind = "browserbase"
    static let form = ProviderForm(
        defaultBaseURL: "https://api.browserbase.com",
        credentialFields: ["apiKey"],
        settings: []
    )

    let address: UpstreamAddress

    init?(_ configuration: ProviderConfiguration) {
        guard !Self.form.credentials(in: configuration).isEmpty, let address = Self.form.address(in: configuration)
        else { return nil }
        self.address = address
    }

    static func capabilities(_ configuration: ProviderConfiguration) -> Capabilities { BrowserbaseProvider.promises }

    func makeProvider(_ id: ProviderID, _ pool: CredentialPool, in environment: AdapterEnvironment) -> any Provider {
        let client = UpstreamClient(self.address, pool, in: environment) { credential, _ in
            HTTPFields(credential: "X-BB-API-Key", credential["apiKey"])
        }
        return BrowserbaseProvider(id: id, api: BrowserbaseAPI(client: client))
    }
}
