// SPDX-License-Identifier: Apache-2.0

import Downloads
import HTTPTypes
import Transfer

/// The configuration of a Hoody file server: `baseURL` (needed), `credentials: [{token}]`.
///
/// The long host name may be the whole permission (providers.md, 5.1), so that a token is not needed and the base URL is
/// treated as a secret everywhere.
struct HoodySettings: AdapterSettings {
    static let kind = "hoody"
    static let form = ProviderForm(defaultBaseURL: nil, credentialFields: ["token"], settings: [])

    let address: UpstreamAddress
    let tokens: [Secret]

    init?(_ configuration: ProviderConfiguration) {
        self.tokens = Self.form.credentials(in: configuration).compactMap { $0.fields["token"] }
        guard let address = Self.form.address(in: configuration) else { return nil }
        self.address = address
    }

    static func capabilities(_ configuration: ProviderConfiguration) -> Capabilities { HoodyProvider.promises }

    var shownBaseURL: String { "\(self.address.origin.scheme)://<secret>" }

    func makeProvider(_ id: ProviderID, in environment: AdapterEnvironment) -> any Provider {
        let tokens = CredentialRing(self.tokens)
        let secrets = self.tokens + [Secret(self.address.url), Secret(self.address.origin.host)]
        let client = UpstreamClient(
            self.address,
            hiding: secrets,
            in: environment,
            authorize: { _ in
                tokens.next().map { HTTPFields(credential: "Authorization", "Bearer \($0.reveal())") } ?? [:]
            },
            refine: HoodyAPI.refine
        )
        return HoodyProvider(id: id, api: HoodyAPI(client: client), sleep: environment.sleep)
    }
}
