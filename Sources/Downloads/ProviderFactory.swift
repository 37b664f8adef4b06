// SPDX-License-Identifier: Apache-2.0

/// Makes providers of configurations, for whoever knows no adapter: all that the gateway needs for changes at run time.
public protocol ProviderFactory: Sendable {
    /// Everything that is wrong with a configuration; empty: an entry can be made of it.
    func problems(in configuration: ProviderConfiguration) -> [FieldProblem]

    /// The provider, or the place of one without a usable credential; asks nothing of an upstream.
    ///
    /// A credential that `previous`, the entry in whose place it comes, has too goes on as it is there.
    func makeEntry(
        _ configuration: ProviderConfiguration,
        keepingCredentialStatesOf previous: ProviderSet.Entry?
    ) throws(FieldProblem) -> ProviderSet.Entry

    /// Scheme, host and port of where its credentials are sent; `nil` where nobody said.
    func origin(of configuration: ProviderConfiguration) -> String?

    /// The fields of one credential, all of them needed; `nil` for a kind that there is not.
    func credentialFields(of kind: String) -> [String]?
}
