// SPDX-License-Identifier: Apache-2.0

/// How many requests in what time: `600/min`.
public struct RequestRate: Hashable, Sendable, CustomStringConvertible {
    /// The time that ``RequestRate/count`` is for.
    public enum Window: String, Hashable, Sendable, CaseIterable {
        /// A second.
        case second = "s"
        /// A minute.
        case minute = "min"
        /// An hour.
        case hour = "h"
        /// A day.
        case day = "day"

        /// Its length in seconds.
        public var seconds: Int {
            switch self {
            case .second: 1
            case .minute: 60
            case .hour: 3600
            case .day: 86_400
            }
        }
    }

    /// The requests, 1 to a thousand million.
    public let count: Int
    /// The time that they are for.
    public let window: Window

    static let counts = 1...1_000_000_000

    /// Creates a rate; a count out of bounds is `nil`.
    public init?(_ count: Int, per window: Window) {
        guard Self.counts.contains(count) else { return nil }
        self.count = count
        self.window = window
    }

    /// Reads `600/min`, with `s`, `min`, `h` or `day`; anything else is `nil`.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(parts[0]),
            let window = Window(rawValue: String(parts[1]))
        else { return nil }
        self.init(count, per: window)
    }

    /// The rate as it is written in the configuration.
    public var description: String { "\(self.count)/\(self.window.rawValue)" }
}

extension RequestRate: Codable {
    /// Reads the text of a rate.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let rate = RequestRate(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "is not a rate as 600/min")
        }
        self = rate
    }

    /// Writes the text of the rate.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.description)
    }
}
