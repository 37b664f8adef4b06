// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation

/// One credential of a provider: what its vendor wants to see, and how people tell it from the others.
public struct ProviderCredential: Hashable, Sendable {
    /// Its public id: `cred_…`.
    public var id: String
    /// The operator's own note; `nil` where there is none.
    public var label: String?
    /// The fields by the names of the kind, such as `apiKey`.
    public var fields: [String: Secret]

    /// Creates a credential.
    ///
    /// Without `id` it is named after its fingerprint, so that one of the configuration file keeps its id over restarts.
    public init(id: String? = nil, label: String? = nil, fields: [String: Secret]) {
        self.id = ""
        self.label = label
        self.fields = fields
        self.id = id ?? "cred_" + self.fingerprint
    }

    /// The first 12 hexadecimal digits of a SHA-256 over names and values: enough to compare, too little to find a value by.
    public var fingerprint: String {
        var hash = SHA256()
        for (name, value) in self.fields.sorted(by: { $0.key < $1.key }) {
            // Each part with its length in front: no two different credentials give the same text.
            for part in [name, value.reveal()] { hash.update(data: Data("\(part.utf8.count):\(part)".utf8)) }
        }
        return hash.finalize().prefix(6).hexadecimal
    }
}

extension ProviderCredential: ExpressibleByDictionaryLiteral {
    /// A credential of these fields, without a label.
    public init(dictionaryLiteral elements: (String, Secret)...) {
        self.init(fields: Dictionary(elements, uniquingKeysWith: { first, _ in first }))
    }
}
