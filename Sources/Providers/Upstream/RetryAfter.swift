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
            if let date = self.date(value) { return self.wait(date.timeIntervalSince(now)) }
        }
        if let value = self.field("x-ratelimit-reset", in: headers), let wait = self.seconds(value, now: now) {
            return wait
        }
        if let value = self.field("ratelimit", in: headers) { return self.draft(value, now: now) }
        return nil
    }

    /// An HTTP date in any of the three forms of RFC 9110, 5.6.7; `nil` for anything else.
    static func date(_ text: String) -> Date? {
        guard text.utf8.count <= 64 else { return nil }
        let words = text.replacing(",", with: " ").split(whereSeparator: { $0 == " " || $0 == "-" }).map(String.init)
        switch words.count {
        // Sunday, 06-Nov-94 08:49:37 GMT · Sun, 06 Nov 1994 08:49:37 GMT
        case 6: return self.date(day: words[1], month: words[2], year: words[3], time: words[4])
        // Sun Nov  6 08:49:37 1994
        case 5: return self.date(day: words[2], month: words[1], year: words[4], time: words[3])
        default: return nil
        }
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    private static func date(day: String, month: String, year: String, time: String) -> Date? {
        guard let index = self.months.firstIndex(of: month), let dayNumber = Int(day), (1...31).contains(dayNumber),
            let yearNumber = Int(year), (0...9999).contains(yearNumber)
        else { return nil }
        // RFC 9110: a year of two digits that seems to lie ahead is one of the past century.
        let fullYear = year.utf8.count == 2 ? yearNumber + (yearNumber < 70 ? 2000 : 1900) : yearNumber
        let fields = [(fullYear, 4), (index + 1, 2), (dayNumber, 2)]
        let date = fields.map { number, width in
            String(repeating: "0", count: max(0, width - String(number).utf8.count)) + String(number)
        }
        return RFC3339.parse(date.joined(separator: "-") + "T" + time + "Z")
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
