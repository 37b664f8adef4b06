// SPDX-License-Identifier: Apache-2.0

import Downloads

/// Writes what is measured as text: OpenMetrics 1.0, or the older Prometheus format for what cannot read that.
struct MetricsText {
    /// The two formats; they differ in counters' family names, units and the end.
    enum Form: Sendable, CaseIterable {
        case openMetrics, prometheus

        /// What is asked for in `Accept`.
        var mediaType: String {
            switch self {
            case .openMetrics: "application/openmetrics-text"
            case .prometheus: "text/plain"
            }
        }

        /// What the answer is.
        var contentType: String {
            switch self {
            case .openMetrics: self.mediaType + "; version=1.0.0; charset=utf-8"
            case .prometheus: self.mediaType + "; version=0.0.4; charset=utf-8"
            }
        }
    }

    /// What a family's numbers are.
    enum Kind: String {
        /// It grows; its name has no `_total`, which belongs to the samples.
        case counter
        /// It rises and sinks.
        case gauge
        /// Durations in buckets.
        case histogram
    }

    /// The labels of a sample, in the order in which they are written.
    typealias Labels = KeyValuePairs<String, String>

    private let form: Form
    private var text = ""
    private var name = ""

    init(_ form: Form) { self.form = form }

    /// Begins a family; its samples follow.
    ///
    /// A name that ends with `_seconds` or `_bytes` has that unit.
    mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        let familyName = kind == .counter && self.form == .prometheus ? name + "_total" : name
        self.name = kind == .counter ? name + "_total" : name
        self.text += "# HELP \(familyName) \(Self.escape(help))\n# TYPE \(familyName) \(kind.rawValue)\n"
        guard self.form == .openMetrics else { return }
        for unit in ["seconds", "bytes"] where name.hasSuffix("_" + unit) {
            self.text += "# UNIT \(name) \(unit)\n"
        }
    }

    /// Writes a sample of the family that was begun last.
    mutating func sample(_ value: some MetricValue, _ labels: Labels = [:]) {
        self.line(self.name, labels, value)
    }

    /// Writes one series of the histogram that was begun last.
    mutating func sample(_ buckets: DurationBuckets.Snapshot, _ labels: Labels = [:]) {
        let bounds = DurationBuckets.bounds.map { "\($0)" } + ["+Inf"]
        let shared: [(key: String, value: String)] = labels.map { (key: $0.key, value: $0.value) }
        for (bound, count) in zip(bounds, buckets.counts) {
            self.line(self.name + "_bucket", shared + [(key: "le", value: bound)], count)
        }
        self.line(self.name + "_sum", shared, buckets.sum)
        self.line(self.name + "_count", shared, buckets.counts.last ?? 0)
    }

    /// The whole text.
    var finished: String { self.form == .openMetrics ? self.text + "# EOF\n" : self.text }

    private mutating func line(
        _ name: String,
        _ labels: some Collection<(key: String, value: String)>,
        _ value: some MetricValue
    ) {
        self.text += name
        if !labels.isEmpty {
            self.text += "{" + labels.map { "\($0.key)=\"\(Self.escape($0.value))\"" }.joined(separator: ",") + "}"
        }
        self.text += " \(value)\n"
    }

    private static func escape(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}

/// A number that can be written as it is.
protocol MetricValue: CustomStringConvertible {}
extension Int: MetricValue {}
extension Int64: MetricValue {}
/// Never infinite or none: nothing here divides.
extension Double: MetricValue {}
