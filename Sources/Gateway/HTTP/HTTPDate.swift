// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// Dates of HTTP fields (RFC 9110, 5.6.7); only the IMF form, the obsolete two are ignored.
enum HTTPDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// `Sat, 21 Nov 2026 02:24:00 GMT`.
    static func format(_ date: Date) -> String {
        let seconds = min(max(date.timeIntervalSince1970, -62_135_596_800), 253_402_300_799).rounded(.down)
        // 19 bytes, as `2026-11-21T02:24:00`.
        let text = RFC3339.format(Date(timeIntervalSince1970: seconds)).utf8
        func part(_ start: Int, _ count: Int) -> Substring { Substring(text.dropFirst(start).prefix(count)) }
        let day = (Int((seconds / 86_400).rounded(.down)) % 7 + 7) % 7
        let month = Self.months[max(0, (Int(part(5, 2)) ?? 1) - 1) % 12]
        return "\(Self.days[day]), \(part(8, 2)) \(month) \(part(0, 4)) \(part(11, 8)) GMT"
    }

    /// The time, or `nil` for anything that is not in the IMF form.
    static func parse(_ text: String) -> Date? {
        let fields = text.split(separator: " ")
        guard fields.count == 6, fields[5] == "GMT", fields[0].hasSuffix(","), fields[1].count == 2,
            fields[3].count == 4,
            let month = Self.months.firstIndex(of: String(fields[2]))
        else { return nil }
        let number = month + 1
        return RFC3339.parse("\(fields[3])-\(number < 10 ? "0" : "")\(number)-\(fields[1])T\(fields[4])Z")
    }
}
