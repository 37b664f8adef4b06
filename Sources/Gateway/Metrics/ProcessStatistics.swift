// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What the system says of this process; `nil` where it does not say it.
struct ProcessStatistics {
    var residentBytes: Int64?
    var virtualBytes: Int64?
    var threads: Int64?
    var openDescriptors: Int?
    var mostDescriptors: Int64?
    var cpuSeconds: Double?
    /// Seconds since 1970.
    var startTime: Double?

    /// Reads what there is below `folder`, as Linux has it.
    static func read(in folder: String = "/proc") -> ProcessStatistics {
        var statistics = ProcessStatistics()
        for line in Self.lines(of: folder + "/self/status") {
            let words = line.split(separator: ":", maxSplits: 1)
            guard words.count == 2 else { continue }
            let number = words[1].split(whereSeparator: \.isWhitespace).first.flatMap { Int64($0) }
            switch words[0] {
            case "VmRSS": statistics.residentBytes = number.map { $0 &* 1024 }
            case "VmSize": statistics.virtualBytes = number.map { $0 &* 1024 }
            case "Threads": statistics.threads = number
            default: break
            }
        }
        statistics.openDescriptors = try? FileManager.default.contentsOfDirectory(atPath: folder + "/self/fd").count
        let limit = Self.lines(of: folder + "/self/limits").first { $0.hasPrefix("Max open files") }
        statistics.mostDescriptors = limit?.split(whereSeparator: \.isWhitespace).dropFirst(3).first.flatMap {
            Int64($0)
        }
        statistics.readTimes(in: folder)
        return statistics
    }

    private mutating func readTimes(in folder: String) {
        // The second field is the command in parentheses, which may itself hold any character.
        let stat = Self.lines(of: folder + "/self/stat").first ?? ""
        let fields = stat[(stat.lastIndex(of: ")") ?? stat.endIndex)...].split(separator: " ").dropFirst()
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        guard fields.count > 19, ticks > 0 else { return }
        let number = { (index: Int) in fields.dropFirst(index).first.flatMap { Double($0) } }
        if let user = number(11), let system = number(12) { self.cpuSeconds = (user + system) / ticks }
        let boot = Self.lines(of: folder + "/stat").first { $0.hasPrefix("btime ") }
        if let start = number(19), let boot = boot.flatMap({ Double($0.dropFirst(6)) }) {
            self.startTime = boot + start / ticks
        }
    }

    private static func lines(of path: String) -> [Substring] {
        // Files of /proc have no size, so that they cannot be read by it.
        guard let file = FileHandle(forReadingAtPath: path), let data = try? file.readToEnd() else { return [] }
        return String(decoding: data, as: UTF8.self).split(separator: "\n")
    }
}
