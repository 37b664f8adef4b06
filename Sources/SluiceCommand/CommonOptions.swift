// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Composition
import Downloads
import Foundation
import Gateway
import Logging

/// What every command takes.
struct CommonOptions: ParsableArguments {
    @Option(help: "The configuration file; without it, config/sluice.yaml where that exists.")
    var config: String?

    @Flag(help: "Answer in JSON.")
    var json = false

    /// Where the configuration is.
    var source: ConfigurationSource {
        let standard = "config/sluice.yaml"
        let file = self.config ?? (FileManager.default.fileExists(atPath: standard) ? standard : nil)
        return ConfigurationSource(file: file, environment: ProcessInfo.processInfo.environment)
    }

    /// The configuration; every fault is printed, and the process ends with status 1.
    func configuration() throws -> Configuration { try Self.configuration(self.source) }

    /// The same of another file.
    static func configuration(_ source: ConfigurationSource) throws -> Configuration {
        do throws(ConfigurationError) {
            return try source.read()
        } catch {
            let count = error.problems.count
            Terminal.complain("\(source.file ?? "The configuration") has \(count) fault\(count == 1 ? "" : "s"):")
            for problem in error.problems { Terminal.complain("  \(problem.field): \(problem.message)") }
            throw ExitCode(1)
        }
    }

    /// The keys in the store of the configuration, with or without a running server.
    func keys() async throws -> KeyRing {
        let (store, configuration) = try self.store()
        let vault = try await Vault.open(store, configured: configuration.secretKey)
        return KeyRing(store: store, masterSecret: vault.root, adminKey: Self.adminKey)
    }

    /// The store of the configuration.
    func store() throws -> (Store, Configuration) {
        let configuration = try self.configuration()
        return (try Store(directory: configuration.storagePath), configuration)
    }

    /// `SLUICE_ADMIN_KEY`.
    static var adminKey: Secret? {
        ProcessInfo.processInfo.environment["SLUICE_ADMIN_KEY"].flatMap { $0.isEmpty ? nil : Secret($0) }
    }

    /// The operator's log, on standard error.
    static func logger(_ format: Configuration.LogFormat = .text) -> Logger {
        let level =
            ProcessInfo.processInfo.environment["SLUICE_LOG_LEVEL"].flatMap { Logger.Level(rawValue: $0) } ?? .info
        return Logger(label: "sluice") { OperatorLog(label: $0, format: format, logLevel: level) }
    }
}

/// Writes for people and for programs.
enum Terminal {
    /// A line on standard error.
    static func complain(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }

    /// A value as JSON on standard output.
    static func printJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    /// Rows with aligned columns.
    static func printTable(_ rows: [[String]]) {
        let widths = rows.first.map { $0.indices.map { column in rows.map { $0[column].count }.max() ?? 0 } } ?? []
        for row in rows {
            let cells = zip(row, widths).map { text, width in text.padding(toLength: width, withPad: " ", startingAt: 0)
            }
            print(cells.joined(separator: "  ").trimmingCharacters(in: .whitespaces))
        }
    }
}
