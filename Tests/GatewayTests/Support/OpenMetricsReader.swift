// SPDX-License-Identifier: Apache-2.0

/// Reads OpenMetrics 1.0 strictly: what the text says, and every rule that it breaks.
struct OpenMetricsReader {
    struct Sample: Hashable {
        let name: String
        let labels: [String: String]
    }

    private struct Family {
        var name = ""
        var type = ""
        var samples: [(sample: Sample, value: Double)] = []
    }

    private(set) var values: [Sample: Double] = [:]
    /// By the family's name.
    private(set) var types: [String: String] = [:]
    private(set) var faults: [String] = []
    private var family = Family()

    init(_ text: String) {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.popLast() != "" { self.faults.append("the last line does not end") }
        if lines.popLast() != "# EOF" { self.faults.append("there is no # EOF at the end") }
        for line in lines { line.hasPrefix("#") ? self.readMetadata(line) : self.readSample(line) }
        self.endFamily()
    }

    /// The value of a sample; `nil` where there is none.
    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        self.values[Sample(name: name, labels: labels)]
    }

    /// Every name that a query could ask for.
    var names: Set<String> { Set(self.values.keys.map(\.name)) }

    // MARK: Metadata

    private mutating func readMetadata(_ line: Substring) {
        let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        guard words.count == 4, words[0] == "#", Self.isName(words[2]) else { return self.fault("malformed", line) }
        let name = String(words[2])
        if words[1] == "HELP" {
            self.endFamily()
            self.family.name = name
            if self.types[name] != nil { self.fault("is there twice", line) }
            if words[3].isEmpty { self.fault("says nothing", line) }
            return
        }
        guard name == self.family.name, self.family.samples.isEmpty else { return self.fault("out of place", line) }
        switch words[1] {
        case "TYPE":
            if !["counter", "gauge", "histogram"].contains(words[3]) { self.fault("unknown type", line) }
            if words[3] == "counter", name.hasSuffix("_total") { self.fault("a family with _total", line) }
            self.family.type = String(words[3])
            self.types[name] = self.family.type
        case "UNIT":
            if self.family.type.isEmpty || !name.hasSuffix("_" + words[3]) { self.fault("wrong unit", line) }
        default: self.fault("unknown metadata", line)
        }
    }

    private mutating func endFamily() {
        if self.family.type == "histogram" { self.checkHistograms() }
        if !self.family.name.isEmpty, self.family.type.isEmpty { self.faults.append("\(self.family.name) has no type") }
        self.family = Family()
    }

    private mutating func checkHistograms() {
        let series = Dictionary(grouping: self.family.samples) { $0.sample.labels.filter { $0.key != "le" } }
        for (labels, samples) in series {
            func values(_ suffix: String) -> [(le: Double?, value: Double)] {
                samples.filter { $0.sample.name == self.family.name + suffix }.map {
                    ($0.sample.labels["le"].flatMap { $0 == "+Inf" ? .infinity : Double($0) }, $0.value)
                }
            }
            let buckets = values("_bucket")
            let bounds = buckets.compactMap(\.le)
            let isSound =
                bounds.count == buckets.count && bounds == bounds.sorted() && Set(bounds).count == bounds.count
                && bounds.last == .infinity && buckets.map(\.value) == buckets.map(\.value).sorted()
                && values("_count").map(\.value) == [buckets.last?.value ?? -1] && values("_sum").count == 1
            if !isSound { self.faults.append("\(self.family.name) \(labels) is no histogram") }
        }
    }

    // MARK: Samples

    private mutating func readSample(_ line: Substring) {
        guard let (sample, value) = Self.sample(in: line) else { return self.fault("malformed", line) }
        let expected =
            switch self.family.type {
            case "counter": [self.family.name + "_total"]
            case "histogram": ["_bucket", "_sum", "_count"].map { self.family.name + $0 }
            default: [self.family.name]
            }
        if !expected.contains(sample.name) { self.fault("not of the family \(self.family.name)", line) }
        if (sample.labels["le"] != nil) != sample.name.hasSuffix("_bucket") { self.fault("le out of place", line) }
        if self.family.type != "gauge", value < 0 { self.fault("negative", line) }
        if self.values.updateValue(value, forKey: sample) != nil { self.fault("is there twice", line) }
        self.family.samples.append((sample, value))
    }

    private static func sample(in line: Substring) -> (Sample, Double)? {
        var rest = line
        let name = String(rest.prefix { $0 != "{" && $0 != " " })
        rest = rest.dropFirst(name.count)
        var labels: [String: String] = [:]
        if rest.first == "{" {
            guard let read = Self.labels(in: &rest) else { return nil }
            labels = read
        }
        guard Self.isName(name[...]), rest.first == " " else { return nil }
        guard let value = Double(rest.dropFirst()), value.isFinite else { return nil }
        return (Sample(name: name, labels: labels), value)
    }

    private static func labels(in rest: inout Substring) -> [String: String]? {
        var labels: [String: String] = [:]
        repeat {
            // Past `{` or `,`.
            rest = rest.dropFirst()
            let name = String(rest.prefix { $0 != "=" })
            rest = rest.dropFirst(name.count)
            guard self.isName(name[...]), !name.contains(":"), rest.hasPrefix("=\"") else { return nil }
            rest = rest.dropFirst(2)
            guard let value = self.quoted(in: &rest), labels.updateValue(value, forKey: name) == nil else { return nil }
        } while rest.first == ","
        guard rest.first == "}" else { return nil }
        rest = rest.dropFirst()
        return labels
    }

    private static func quoted(in rest: inout Substring) -> String? {
        var value = ""
        while let character = rest.popFirst() {
            switch character {
            case "\"": return value
            case "\\":
                guard let escaped = rest.popFirst(), let plain = ["\\": "\\", "\"": "\"", "n": "\n"][escaped] else {
                    return nil
                }
                value += plain
            default: value.append(character)
            }
        }
        return nil
    }

    private static func isName(_ name: Substring) -> Bool {
        !name.isEmpty && !(name.first?.isNumber ?? true)
            && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") }
    }

    private mutating func fault(_ what: String, _ line: Substring) { self.faults.append("\(what): \(line)") }
}
