// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Durations and sizes as people write them.
public enum Quantity {
    private static let durations: [String: Double] = ["ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400]

    private static let sizes: [String: Int64] = [
        "": 1, "B": 1, "KB": 1000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000,
        "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
    ]

    /// Seconds of `500ms`, `60s`, `5min`, `24h`, `90d`; `nil` without a unit, so that nobody has to guess.
    public static func seconds(_ text: String) -> Double? {
        let (number, unit) = Self.split(text)
        guard let factor = Self.durations[unit], let value = Double(number), (0...1e9).contains(value) else {
            return nil
        }
        return value * factor
    }

    /// Bytes of `1000`, `64KiB`, `10GB`.
    public static func bytes(_ text: String) -> Int64? {
        let (number, unit) = Self.split(text)
        guard let factor = Self.sizes[unit], let value = Int64(number), value >= 0 else { return nil }
        let (bytes, overflows) = value.multipliedReportingOverflow(by: factor)
        return overflows ? nil : bytes
    }

    private static func split(_ text: String) -> (number: String, unit: String) {
        let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        return (String(number), text.dropFirst(number.count).trimmingCharacters(in: .whitespaces))
    }
}
