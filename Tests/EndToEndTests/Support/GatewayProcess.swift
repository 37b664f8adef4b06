// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// The built `sluice`, as a process of its own.
final class GatewayProcess: Sendable {
    private let process: Process
    private let exit = Mutex<Int32?>(nil)
    private let files: (output: URL, complaints: URL)

    /// Starts it in `folder`, with nothing of our environment but the path.
    init(_ arguments: [String], in folder: URL, environment: [String: String] = [:]) throws {
        let name = UUID().uuidString
        self.files = (folder.appendingPathComponent("\(name).out"), folder.appendingPathComponent("\(name).err"))
        let process = Process()
        process.executableURL = try Self.binary
        process.arguments = arguments
        process.currentDirectoryURL = folder
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        process.environment = ["PATH": path, "HOME": folder.path].merging(environment) { $1 }
        for file in [self.files.output, self.files.complaints] {
            try Data().write(to: file)
        }
        process.standardOutput = try FileHandle(forWritingTo: self.files.output)
        process.standardError = try FileHandle(forWritingTo: self.files.complaints)
        process.standardInput = FileHandle.nullDevice
        self.process = process
        process.terminationHandler = { ended in self.exit.withLock { $0 = ended.terminationStatus } }
        try process.run()
    }

    /// The executable lies beside the tests.
    private static var binary: URL {
        get throws {
            let here = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            let folders = [here, packageFolder.appendingPathComponent(".build/debug")]
            // A build of a part of the package names an executable after its target.
            for folder in folders {
                for name in ["sluice", "SluiceCommand"] {
                    let file = folder.appendingPathComponent(name)
                    if FileManager.default.isExecutableFile(atPath: file.path) { return file }
                }
            }
            throw NeverHappened(what: "a built sluice; build with --build-tests")
        }
    }

    /// What it wrote to standard output so far.
    var output: String { Self.text(of: self.files.output) }
    /// What it wrote to standard error so far.
    var complaints: String { Self.text(of: self.files.complaints) }
    /// Its id.
    var id: Int32 { self.process.processIdentifier }

    private static func text(of file: URL) -> String { (try? String(contentsOf: file, encoding: .utf8)) ?? "" }

    /// Its exit status, once it has ended.
    func status() async throws -> Int32 {
        try await eventually("the end of sluice: \(self.output) \(self.complaints)") {
            self.exit.withLock { $0 } != nil
        }
        return self.exit.withLock { $0 } ?? -1
    }

    /// SIGHUP: read the configuration again.
    func reload() { kill(self.id, SIGHUP) }

    /// SIGTERM.
    func terminate() { self.process.terminate() }

    /// SIGKILL: a crash, as the process sees it.
    func crash() { kill(self.id, SIGKILL) }

    /// Resident memory in bytes.
    var residentBytes: Int64 {
        let status = (try? String(contentsOfFile: "/proc/\(self.id)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
        return (line.split(separator: " ").dropFirst().first.flatMap { Int64($0) } ?? 0) * 1024
    }

    /// Runs a command to its end.
    static func run(
        _ arguments: [String],
        in folder: URL,
        environment: [String: String] = [:]
    ) async throws -> (status: Int32, output: String, complaints: String) {
        let process = try GatewayProcess(arguments, in: folder, environment: environment)
        let status = try await process.status()
        return (status, process.output, process.complaints)
    }

    /// Serves around `body`, ends it with SIGTERM, and answers its exit status.
    @discardableResult
    static func serve(
        _ arguments: [String] = [],
        in folder: URL,
        environment: [String: String] = [:],
        _ body: (GatewayProcess, HTTPCaller) async throws -> Void
    ) async throws -> Int32 {
        let process = try GatewayProcess(["serve"] + arguments, in: folder, environment: environment)
        do {
            try await eventually("a listening sluice") { process.address != nil || process.hasEnded }
            guard let address = process.address else { throw NeverHappened(what: "a start: \(process.complaints)") }
            try await body(process, HTTPCaller(baseURL: address))
        } catch {
            process.terminate()
            throw error
        }
        process.terminate()
        return try await process.status()
    }

    /// Whether it has ended.
    var hasEnded: Bool { self.exit.withLock { $0 != nil } }

    /// Where it listens, once it does.
    var address: String? {
        let line = self.output.split(separator: "\n").first { $0.hasPrefix("Sluice listens on ") }
        return line.map { String($0.dropFirst("Sluice listens on ".count)) }
    }
}
