// SPDX-License-Identifier: Apache-2.0

import Downloads

/// What a kind of provider takes in its configuration, and the reading that all kinds share.
struct ProviderForm: Sendable {
    /// The vendor's address; `nil` where the operator must give one.
    let defaultBaseURL: String?
    /// The fields of one credential; all are needed.
    let credentialFields: [String]
    /// The names of the other settings.
    let settings: Set<String>

    /// Faults that any kind can have: unknown names, an impossible base URL, a credential that no header can hold.
    ///
    /// What is empty is no fault but `unconfigured`: an environment variable may be missing.
    func problems(in configuration: ProviderConfiguration) -> [FieldProblem] {
        var problems: [FieldProblem] = []
        if let url = configuration.baseURL, !url.isEmpty, UpstreamAddress(url) == nil {
            let right = "must be an absolute http or https URL without credentials, query and fragment"
            problems.append(FieldProblem(field: "baseURL", message: right))
        }
        for (index, credential) in configuration.credentials.enumerated() {
            problems += self.problems(in: credential.fields, at: "credentials[\(index)]")
        }
        for name in configuration.settings.keys.sorted() where !self.settings.contains(name) {
            problems.append(FieldProblem(field: name, message: self.unknown(name, known: self.settings.sorted())))
        }
        return problems
    }

    /// The credentials of which every field is there.
    func credentials(in configuration: ProviderConfiguration) -> [ProviderCredential] {
        configuration.credentials.filter { credential in
            self.credentialFields.allSatisfy { credential.fields[$0]?.isEmpty == false }
        }
    }

    /// Where it is asked; `nil` where nobody said, or said it wrongly.
    func address(in configuration: ProviderConfiguration) -> UpstreamAddress? {
        (configuration.baseURL.nonEmpty ?? self.defaultBaseURL).flatMap(UpstreamAddress.init)
    }

    private func problems(in credential: [String: Secret], at path: String) -> [FieldProblem] {
        credential.keys.sorted().compactMap { name in
            let field = "\(path).\(name)"
            guard self.credentialFields.contains(name) else {
                return FieldProblem(field: field, message: self.unknown(name, known: self.credentialFields))
            }
            let isPrintable = credential[name]?.reveal().utf8.allSatisfy { (0x21...0x7E).contains($0) } ?? true
            return isPrintable ? nil : FieldProblem(field: field, message: "must be printable ASCII without spaces")
        }
    }

    private func unknown(_ name: String, known: [String]) -> String {
        known.isEmpty ? "is unknown; there are none here" : "is unknown; there is: \(known.joined(separator: ", "))"
    }
}
