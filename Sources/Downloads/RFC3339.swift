// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// Times as text: RFC 3339 out, and what upstreams and callers write in.
public enum RFC3339 {
    /// `2026-11-21T02:24:00.123Z`: always UTC; the fraction only where there is one, in milliseconds.
    public static func format(_ date: Date) -> String {
        let bounded = min(max(date.timeIntervalSince1970, -62_135_596_800), 253_402_300_799)
        let milliseconds = Int64((bounded * 1000).rounded())
        let (days, rest) = milliseconds.flooredDivision(by: 86_400_000)
        let (year, month, day) = Self.civil(fromDays: days)
        let seconds = rest / 1000
        let fraction = rest % 1000
        // Written digit by digit: every answer holds a few times.
        var text: [UInt8] = []
        text.reserveCapacity(24)
        func write(_ number: Int64, _ width: Int, _ end: Unicode.Scalar) {
            let digits = String(number).utf8
            text += repeatElement(UInt8(ascii: "0"), count: max(0, width - digits.count))
            text += digits
            text.append(UInt8(ascii: end))
        }
        write(year, 4, "-")
        write(month, 2, "-")
        write(day, 2, "T")
        write(seconds / 3600, 2, ":")
        write(seconds / 60 % 60, 2, ":")
        write(seconds % 60, 2, fraction == 0 ? "Z" : ".")
        if fraction != 0 { write(fraction, 3, "Z") }
        return String(decoding: text, as: UTF8.self)
    }

    /// Reads a date or a date and time; without an offset it is UTC, and a space stands for the `+` that a query lost.
    ///
    /// Accepts `2026-11-21`, `2026-11-21T02:24`, `…:00`, `…:00.123456`, `…Z`, `…+01:00`, `…+0100`, `…+01`, and a space for
    /// the `T`. Anything else, or a day that does not exist, is `nil`.
    public static func parse(_ text: String) -> Date? {
        guard text.utf8.count <= 64 else { return nil }
        var scanner = Scanner(text)
        guard let year = scanner.digits(4), scanner.skip("-"), let month = scanner.digits(2), scanner.skip("-"),
            let day = scanner.digits(2), Self.isDay(year, month, day)
        else { return nil }
        let midnight = Double(Self.days(year, month, day)) * 86_400
        if scanner.isAtEnd { return Date(timeIntervalSince1970: midnight) }
        guard scanner.skip("T") || scanner.skip("t") || scanner.skip(" "), let time = scanner.time(),
            let offset = scanner.offset(), scanner.isAtEnd
        else { return nil }
        return Date(timeIntervalSince1970: midnight + time - Double(offset))
    }

    private static func isDay(_ year: Int64, _ month: Int64, _ day: Int64) -> Bool {
        guard (1...9999).contains(year), (1...12).contains(month), day >= 1 else { return false }
        return Self.civil(fromDays: Self.days(year, month, day)) == (year, month, day)
    }

    // Days since 1970-01-01 in the proleptic Gregorian calendar, counted in 400-year eras that begin on 1 March.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = year.flooredDivision(by: 400)
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(fromDays days: Int64) -> (Int64, Int64, Int64) {
        let (era, dayOfEra) = (days + 719_468).flooredDivision(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }
}

/// Reads a time from the front of a text, byte by byte; never past its end.
private struct Scanner {
    private var rest: Substring.UTF8View

    init(_ text: String) { self.rest = text[...].utf8 }

    var isAtEnd: Bool { self.rest.isEmpty }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard let first = self.rest.first, UInt32(first) == character.value else { return false }
        self.rest.removeFirst()
        return true
    }

    mutating func digits(_ count: Int) -> Int64? {
        guard self.rest.count >= count else { return nil }
        var value: Int64 = 0
        for byte in self.rest.prefix(count) {
            guard (0x30...0x39).contains(byte) else { return nil }
            value = value * 10 + Int64(byte - 0x30)
        }
        self.rest.removeFirst(count)
        return value
    }

    /// Seconds since midnight.
    mutating func time() -> Double? {
        guard let hour = self.digits(2), hour < 24, self.skip(":"), let minute = self.digits(2), minute < 60 else {
            return nil
        }
        var seconds = 0.0
        if self.skip(":") {
            guard let whole = self.digits(2), whole <= 60 else { return nil }
            seconds = Double(whole)
            if self.skip(".") || self.skip(",") {
                guard let fraction = self.fraction() else { return nil }
                seconds += fraction
            }
        }
        return Double(hour * 3600 + minute * 60) + seconds
    }

    private mutating func fraction() -> Double? {
        var value = 0.0
        var scale = 0.1
        var count = 0
        while let digit = self.digits(1) {
            value += Double(digit) * scale
            scale /= 10
            count += 1
        }
        return count > 0 ? value : nil
    }

    /// Seconds east of UTC.
    mutating func offset() -> Int64? {
        if self.isAtEnd || self.skip("Z") || self.skip("z") { return 0 }
        let isWest = self.skip("-")
        guard isWest || self.skip("+") || self.skip(" ") else { return nil }
        guard let hours = self.digits(2), hours < 24 else { return nil }
        _ = self.skip(":")
        let minutes = self.isAtEnd ? 0 : self.digits(2)
        guard let minutes, minutes < 60 else { return nil }
        return (isWest ? -1 : 1) * (hours * 3600 + minutes * 60)
    }
}

extension Int64 {
    /// Quotient rounded down and a remainder that is never negative; `divisor` is a positive constant.
    fileprivate func flooredDivision(by divisor: Int64) -> (Int64, Int64) {
        let remainder = ((self % divisor) + divisor) % divisor
        return ((self - remainder) / divisor, remainder)
    }
}
