// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes

/// How long an upstream asks us to wait, in any of the forms that upstreams use.
enum RetryAfter {
    /// `Retry-After` (RFC 9110, 10.2.3) first, or its finer `Retry-After-Ms`, then `X-RateLimit-Reset`, then the IETF draft's `RateLimit`.
    ///
    /// `nil` where none is there or can be read; a moment that has passed is zero; never more than a day.
    static func duration(in headers: HTTPFields, now: Date) -> Duration? {
        if let value = self.field("retry-after-ms", in: headers), let wait = Double(value), wait.isFinite, wait >= 0 {
            return self.wait(wait / 1000)
        }
        if let value = headers[.retryAfter] {
            if let wait = self.seconds(value, now: now) { return wait }
            if let date = HTTPDate.parse(value, now: now) { return self.wait(date.timeIntervalSince(now)) }
        }
        if let value = self.field("x-ratelimit-reset", in: headers), let wait = self.seconds(value, now: now) {
            return wait
        }
        if let value = self.field("ratelimit", in: headers) { return self.draft(value, now: now) }
        return nil
    }

    /// Seconds as what is waited: none, and a day, at the outside; never a fraction of a millisecond too short.
    static func wait(_ seconds: Double) -> Duration {
        .milliseconds(Int64((min(max(seconds, 0), 86_400) * 1000).rounded(.up)))
    }

    /// Seconds, or a unix time: a number above 10^9 can only be one (providers.md, 7.5), above 10^11 one in milliseconds.
    private static func seconds(_ text: String, now: Date) -> Duration? {
        guard let number = Double(text.filter { $0 != " " }), number.isFinite, number >= 0 else { return nil }
        guard number > 1e9 else { return self.wait(number) }
        return self.wait((number > 1e11 ? number / 1000 : number) - now.timeIntervalSince1970)
    }

    /// The longest reset of the policies that are used up; where none says so, of all.
    private static func draft(_ text: String, now: Date) -> Duration? {
        let policies = text.split(separator: ",").map { policy in
            let pairs = policy.split(separator: ";").map { parameter in
                parameter.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " } }
            }
            return pairs.filter { $0.count == 2 }.reduce(into: [String: String]()) { $0[$1[0]] = $1[1] }
        }
        func longest(_ policies: [[String: String]]) -> Duration? {
            policies.compactMap { $0["t"].flatMap { self.seconds($0, now: now) } }.max()
        }
        return longest(policies.filter { $0["r"] == "0" }) ?? longest(policies)
    }

    private static func field(_ name: String, in headers: HTTPFields) -> String? {
        HTTPField.Name(name).flatMap { headers[$0] }
    }
}
