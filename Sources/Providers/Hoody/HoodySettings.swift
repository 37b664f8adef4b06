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

    init?(_ configuration: ProviderConfiguration) {
        guard let address = Self.form.address(in: configuration) else { return nil }
        self.address = address
    }

    static func capabilities(_ configuration: ProviderConfiguration) -> Capabilities { HoodyProvider.promises }

    static func shown(_ address: UpstreamAddress) -> String { "\(address.origin.scheme)://<secret>" }

    func makeProvider(_ id: ProviderID, _ pool: CredentialPool, in environment: AdapterEnvironment) -> any Provider {
        let client = UpstreamClient(
            self.address,
            pool,
            hiding: [Secret(self.address.url), Secret(self.address.origin.host)],
            in: environment,
            authorize: { credential, _ in
                HTTPFields(credential: "Authorization", "Bearer \(credential["token"])")
            },
            refine: HoodyAPI.refine
        )
        let transfer = environment.transfer
        return HoodyProvider(
            id: id,
            api: HoodyAPI(client: client),
            sleep: environment.sleep,
            now: environment.now,
            check: { url throws(ProviderError) in
                do throws(TransferError) { try transfer.check(url) } catch { throw WebFailures.refusal(error) }
            }
        )
    }
}
