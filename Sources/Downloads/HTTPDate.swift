// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// Dates of HTTP fields (RFC 9110, 5.6.7): one form out, and all three in.
public enum HTTPDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// `Sat, 21 Nov 2026 02:24:00 GMT`.
    public static func format(_ date: Date) -> String {
        let seconds = min(max(date.timeIntervalSince1970, -62_135_596_800), 253_402_300_799).rounded(.down)
        // 19 bytes, as `2026-11-21T02:24:00`.
        let text = RFC3339.format(Date(timeIntervalSince1970: seconds)).utf8
        func part(_ start: Int, _ count: Int) -> Substring { Substring(text.dropFirst(start).prefix(count)) }
        let day = (Int((seconds / 86_400).rounded(.down)) % 7 + 7) % 7
        let month = Self.months[max(0, (Int(part(5, 2)) ?? 1) - 1) % 12]
        return "\(Self.days[day]), \(part(8, 2)) \(month) \(part(0, 4)) \(part(11, 8)) GMT"
    }

    /// The time, or `nil` for anything that is in none of the three forms; the day of the week is not looked at.
    ///
    /// The century of a year of two digits is told by the time that it is.
    public static func parse(_ text: String) -> Date? { self.parse(text, now: Date()) }

    /// The same at another time.
    public static func parse(_ text: String, now: Date) -> Date? {
        guard text.utf8.count <= 64 else { return nil }
        let words = text.split(separator: " ")
        switch words.count {
        // Sun, 06 Nov 1994 08:49:37 GMT
        case 6:
            guard words[0].hasSuffix(","), words[5] == "GMT", words[3].utf8.count == 4 else { return nil }
            return self.date(words[1], words[2], words[3], words[4])
        // Sunday, 06-Nov-94 08:49:37 GMT
        case 4:
            let date = words[1].split(separator: "-", omittingEmptySubsequences: false)
            guard words[0].hasSuffix(","), words[3] == "GMT", date.count == 3 else { return nil }
            // Some write it out.
            guard date[2].utf8.count == 2 else { return self.date(date[0], date[1], date[2], words[2]) }
            return self.date(date[0], date[1], ofCentury: date[2], words[2], now: now)
        // Sun Nov  6 08:49:37 1994
        case 5:
            let day = words[2].utf8.count == 1 ? "0" + words[2] : words[2]
            return self.date(day, words[1], words[4], words[3])
        default: return nil
        }
    }

    private static func date(_ day: Substring, _ month: Substring, _ year: Substring, _ time: Substring) -> Date? {
        // No fraction, and no offset of its own.
        guard day.utf8.count == 2, year.utf8.count == 4, time.utf8.count == 8,
            let index = Self.months.firstIndex(of: String(month))
        else { return nil }
        let number = index + 1
        return RFC3339.parse("\(year)-\(Self.twoDigits(number))-\(day)T\(time)Z")
    }

    /// A year that would be more than 50 years ahead is the last past one with these digits.
    private static func date(
        _ day: Substring,
        _ month: Substring,
        ofCentury year: Substring,
        _ time: Substring,
        now: Date
    ) -> Date? {
        let century = Int(RFC3339.format(now).prefix(2)) ?? 20
        func date(in century: Int) -> Date? {
            self.date(day, month, Substring(Self.twoDigits(century) + year), time)
        }
        // 29 February of a year that is far ahead may not exist, where it does a century before.
        guard let ahead = date(in: century), ahead.timeIntervalSince(now) <= Self.halfCentury else {
            return date(in: century - 1)
        }
        return ahead
    }

    private static let halfCentury = 50 * 365.25 * 86_400

    private static func twoDigits(_ number: Int) -> String { (number < 10 ? "0" : "") + String(number) }
}
