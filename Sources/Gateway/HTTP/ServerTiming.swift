// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

/// The field `Server-Timing`: where the time of a request went, for who reads the answer.
enum ServerTiming {
    /// As `auth;dur=0.125, total;dur=3.500`, in milliseconds.
    static func text(_ parts: [(name: String, milliseconds: Double)]) -> String {
        var text = ""
        for part in parts {
            if !text.isEmpty { text += ", " }
            text += part.name
            text += ";dur="
            text += Self.decimal(part.milliseconds)
        }
        return text
    }

    /// With three places; made of whole numbers, which is much faster than a format.
    private static func decimal(_ milliseconds: Double) -> String {
        let micro = Int64(min(max(milliseconds, 0), 1e12) * 1000)
        let places = String(1000 + micro % 1000).dropFirst()
        return "\(micro / 1000).\(places)"
    }
}

extension HTTPFields {
    /// Adds to the field, behind what is there.
    mutating func addServerTiming(_ text: String) {
        self[.serverTiming] = self[.serverTiming].map { "\($0), \(text)" } ?? text
    }
}
