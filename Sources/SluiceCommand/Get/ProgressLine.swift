// SPDX-License-Identifier: Apache-2.0

import Foundation

/// One line of a terminal that says how far a file is, at which rate, and how long it will take.
final class ProgressLine {
    private let isShown: Bool
    private let now: () -> ContinuousClock.Instant
    private var begin: (at: ContinuousClock.Instant, bytes: Int64)?
    private var name = ""
    private var lastShown: ContinuousClock.Instant?

    private static let pause = Duration.milliseconds(100)

    init(isShown: Bool, now: @escaping () -> ContinuousClock.Instant = { .now }) {
        self.isShown = isShown
        self.now = now
    }

    /// Draws the line anew, a few times a second at most.
    func show(_ name: String, _ received: Int64, of total: Int64?) {
        guard self.isShown else { return }
        let now = self.now()
        if name != self.name {
            self.name = name
            self.begin = nil
            self.lastShown = nil
        }
        let begin = self.begin ?? (now, received)
        self.begin = begin
        guard self.lastShown.map({ now - $0 >= Self.pause }) ?? true || received == total else { return }
        self.lastShown = now
        let line = Self.line(name, received, of: total, came: received - begin.bytes, in: now - begin.at)
        FileHandle.standardError.write(Data("\r\u{1B}[K\(line)".utf8))
    }

    /// Clears the line.
    func end() {
        guard self.isShown else { return }
        FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
    }

    /// `report.pdf [=====>     ] 51 %  10.4 MB of 20.3 MB  5.2 MB/s  0:02`, as far as it is known; `came` bytes took `time`.
    static func line(_ name: String, _ received: Int64, of total: Int64?, came: Int64, in time: Duration) -> String {
        let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
        let rate = seconds > 0.2 ? Double(max(came, 0)) / seconds : 0
        var parts = [String(name.prefix(40))]
        if let total, total > 0 {
            let share = min(max(Double(received) / Double(total), 0), 1)
            parts += [Self.bar(share), "\(Int(share * 100)) %", "\(Self.size(received)) of \(Self.size(total))"]
        } else {
            parts.append(Self.size(received))
        }
        guard rate > 0 else { return parts.joined(separator: "  ") }
        parts.append("\(Self.size(Int64(min(rate, 1e15))))/s")
        if let total, total > received { parts.append(Self.clock(min(Double(total - received) / rate, 359_999))) }
        return parts.joined(separator: "  ")
    }

    private static func bar(_ share: Double) -> String {
        let done = Int(share * 24)
        let tip = done < 24 ? ">" : ""
        let bar = String(repeating: "=", count: done) + tip
        return "[" + bar.padding(toLength: 24, withPad: " ", startingAt: 0) + "]"
    }

    private static func clock(_ seconds: Double) -> String {
        let whole = Int(seconds.rounded(.up))
        let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
        return hours > 0
            ? String(format: "%d:%02d:%02d", hours, minutes, rest) : String(format: "%d:%02d", minutes, rest)
    }

    /// Bytes for people: `999 B`, `1.5 MB`.
    static func size(_ bytes: Int64) -> String {
        var value = Double(bytes)
        for unit in ["B", "kB", "MB", "GB"] {
            if value < 999.5 { return unit == "B" ? "\(bytes) B" : String(format: "%.1f %@", value, unit) }
            value /= 1000
        }
        return String(format: "%.1f TB", value)
    }
}
