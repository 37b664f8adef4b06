// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// The credentials that a vendor knows, and how it treats each; both may be changed while it is served.
public final class SimulatedKeys: Sendable {
    /// How requests with one credential are answered.
    public enum Treatment: Hashable, Sendable {
        /// As they should be.
        case served
        /// With the vendor's refusal of this status, 401 or 403.
        case refused(status: Int)
        /// With the vendor's 429 and these fields.
        case limited(headers: [String: String] = [:])
    }

    private struct Entry {
        var fields: [String: String]
        var treatment = Treatment.served
    }

    /// The one that is known from the start, by the field names that our configuration has for this kind.
    public let first: [String: String]
    /// The field that a request shows as it is.
    private let name: String
    private let entries: NIOLockedValueBox<[String: Entry]>

    init(_ name: String, first: [String: String]) {
        self.first = first
        self.name = name
        self.entries = NIOLockedValueBox([first[name] ?? "": Entry(fields: first)])
    }

    /// Lets the vendor know another credential, of the same fields as the first.
    public func add(_ fields: [String: String]) {
        self.entries.withLockedValue { $0[fields[self.name] ?? ""] = Entry(fields: fields) }
    }

    /// Treats the requests with a credential in another way from now on.
    public func treat(_ fields: [String: String], as treatment: Treatment) {
        self.entries.withLockedValue { $0[fields[self.name] ?? ""]?.treatment = treatment }
    }

    /// Another field of the credential that shows `key`; `nil` where there is no such credential.
    func field(_ name: String, of key: String) -> String? {
        self.entries.withLockedValue { $0[key]?.fields[name] }
    }

    /// The answer to a request that shows `key`, where that is a refusal, which `refuse` words as the vendor does.
    func refusal(
        of key: String?,
        unknown: String,
        _ refuse: (_ status: Int, _ message: String) -> SimulatedResponse
    ) -> SimulatedResponse? {
        guard let key, let treatment = self.entries.withLockedValue({ $0[key]?.treatment }) else {
            return refuse(401, unknown)
        }
        switch treatment {
        case .served: return nil
        case .refused(let status): return refuse(status, status == 401 ? unknown : "Forbidden")
        case .limited(let headers):
            var answer = refuse(429, "Too many requests")
            answer.headers.append(contentsOf: SimulatedResponse(429, headers: headers).headers)
            return answer
        }
    }
}

extension SimulatedRequest {
    /// What follows `scheme` in `Authorization`.
    func authorization(_ scheme: String) -> String? {
        guard let field = self.header("Authorization"), field.hasPrefix(scheme + " ") else { return nil }
        return String(field.dropFirst(scheme.utf8.count + 1))
    }
}
