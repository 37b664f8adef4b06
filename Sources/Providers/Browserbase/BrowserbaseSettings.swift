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
    let apiKeys: [Secret]

    init?(_ configuration: ProviderConfiguration) {
        self.apiKeys = Self.form.credentials(in: configuration).compactMap { $0.fields["apiKey"] }
        guard !self.apiKeys.isEmpty, let address = Self.form.address(in: configuration) else { return nil }
        self.address = address
    }

    static func capabilities(_ configuration: ProviderConfiguration) -> Capabilities { BrowserbaseProvider.promises }

    var shownBaseURL: String { self.address.url }

    func makeProvider(_ id: ProviderID, in environment: AdapterEnvironment) -> any Provider {
        let keys = CredentialRing(self.apiKeys)
        let client = UpstreamClient(self.address, hiding: self.apiKeys, in: environment) { _ in
            HTTPFields(credential: "X-BB-API-Key", keys.next()?.reveal() ?? "")
        }
        return BrowserbaseProvider(id: id, api: BrowserbaseAPI(client: client))
    }
}
