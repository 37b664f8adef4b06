// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// Dates of HTTP fields (RFC 9110, 5.6.7); only the IMF form, the obsolete two are ignored.
enum HTTPDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// `Sat, 21 Nov 2026 02:24:00 GMT`.
    static func format(_ date: Date) -> String {
        let text = RFC3339.format(Date(timeIntervalSince1970: date.timeIntervalSince1970.rounded(.down)))
        let seconds = RFC3339.parse(text)?.timeIntervalSince1970 ?? 0
        let day = (Int((seconds / 86_400).rounded(.down)) % 7 + 7) % 7
        let fields = text.split(whereSeparator: { "-T:Z".contains($0) })
        guard fields.count == 6, let month = Int(fields[1]), (1...12).contains(month) else { return "" }
        let clock = fields[3...5].joined(separator: ":")
        return "\(Self.days[day]), \(fields[2]) \(Self.months[month - 1]) \(fields[0]) \(clock) GMT"
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
