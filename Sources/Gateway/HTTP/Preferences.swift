// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// What a caller would like (RFC 7240); what is not understood is ignored.
struct Preferences {
    /// How long an answer may be held at most, in seconds.
    static let longestWait = 60

    /// How long the caller would wait, in seconds; `nil`: not at all.
    let wait: Int?

    init(_ headers: HTTPFields) {
        let members = (headers.joined(.prefer) ?? "").split(separator: ",")
        // Of several the first counts (RFC 7240, 2).
        let waits = members.lazy.compactMap { member -> Int? in
            let parts = member.prefix { $0 != ";" }.split(separator: "=", maxSplits: 1).map { $0.trimmingBlanks() }
            guard parts.count == 2, parts[0].lowercased() == "wait", parts[1].utf8.allSatisfy({ 48...57 ~= $0 }) else {
                return nil
            }
            return min(Int(parts[1]) ?? Self.longestWait, Self.longestWait)
        }
        self.wait = waits.first.flatMap { $0 > 0 ? $0 : nil }
    }

    /// An answer that says what it was held for.
    func applied(to response: Response) -> Response {
        guard let wait else { return response }
        var response = response
        response.headers[.preferenceApplied] = "wait=\(wait)"
        return response
    }

    /// The same as time.
    var waiting: Duration { .seconds(self.wait ?? 0) }
}

extension HTTPField.Name {
    static let prefer = HTTPField.Name("Prefer") ?? .server
    static let preferenceApplied = HTTPField.Name("Preference-Applied") ?? .server
}
