// SPDX-License-Identifier: Apache-2.0

import Foundation

/// An address as it may be shown.
public enum PublicURL {
    private static let secretNames = [
        "token", "key", "secret", "sig", "auth", "password", "credential", "session", "code",
    ]

    /// `url` without user and password, and without the values of query parameters that look like a credential.
    public static func withoutCredentials(_ url: String) -> String {
        let parts = url.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let address = parts.first.map(Self.withoutUser) ?? ""
        guard parts.count == 2 else { return address }
        let query = parts[1].split(separator: "&", omittingEmptySubsequences: false).map { pair -> String in
            let name = pair.prefix { $0 != "=" }
            let isSecret = Self.secretNames.contains { name.lowercased().contains($0) }
            return isSecret ? "\(name)=REDACTED" : String(pair)
        }
        return address + "?" + query.joined(separator: "&")
    }

    private static func withoutUser(_ address: Substring) -> String {
        guard let scheme = address.range(of: "://") else { return String(address) }
        let rest = address[scheme.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "#" && $0 != "\\" }
        guard let at = authority.lastIndex(of: "@") else { return String(address) }
        return String(address[..<scheme.upperBound] + rest[rest.index(after: at)...])
    }
}
