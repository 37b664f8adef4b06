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
    let apiKeys: [Secret]

    init?(_ configuration: ProviderConfiguration) {
        self.apiKeys = Self.form.credentials(in: configuration).compactMap { $0.fields["apiKey"] }
        guard !self.apiKeys.isEmpty, let address = Self.form.address(in: configuration) else { return nil }
        self.address = address
    }

    static func capabilities(_ configuration: ProviderConfiguration) -> Capabilities { AnchorProvider.promises }

    var shownBaseURL: String { self.address.url }

    func makeProvider(_ id: ProviderID, in environment: AdapterEnvironment) -> any Provider {
        let keys = CredentialRing(self.apiKeys)
        let client = UpstreamClient(self.address, hiding: self.apiKeys, in: environment) { _ in
            HTTPFields(credential: "anchor-api-key", keys.next()?.reveal() ?? "")
        }
        return AnchorProvider(id: id, api: AnchorAPI(client: client))
    }
}
