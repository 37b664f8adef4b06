// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import NIOCore
import Simulators
import Testing

/// A built gateway as a process of its own, in front of a vendor with one large file, and the file of its configuration.
struct HugeFile: Sendable {
    let vendor: HoodySimulator
    let file: SimulatedFile
    /// Where the configuration and the store are.
    let folder: URL

    static let environment = ["SLUICE_ADMIN_KEY": EndToEndFixture.adminKey]

    var configuration: URL { self.folder.appendingPathComponent("sluice.yaml") }
    var arguments: [String] { ["--config", self.configuration.path] }

    /// Runs `body` with the vendor, and a configuration for it with this much more in `server`.
    static func run(size: Int64, server: String = "", _ body: (HugeFile) async throws -> Void) async throws {
        let library = SimulatedLibrary(seed: 9)
        library.addSession("Downloads")
        let file = library.addFile("huge.bin", size: size, in: "Downloads")
        let vendor = try await HoodySimulator.start(library: library)
        do {
            try await withTemporaryFolder { folder in
                let setup = HugeFile(vendor: vendor, file: file, folder: folder)
                try setup.configure(server: server)
                try await body(setup)
            }
            await vendor.stop()
        } catch {
            await vendor.stop()
            throw error
        }
    }

    /// Writes the configuration, with `more` providers.
    func configure(server: String = "", more: String = "") throws {
        let provider = """
              - name: hoody
                kind: hoody
                baseURL: "\(self.vendor.baseURL)"
                credentials: [{ token: "\(HoodySimulator.token)" }]
            """
        let settings = GatewaySettings(providers: provider + "\n" + more, server: server)
        let yaml = settings.yaml(storage: self.folder.appendingPathComponent("store"), vendors: nil)
        try yaml.write(to: self.configuration, atomically: true, encoding: .utf8)
    }

    /// Starts a gateway, and returns when it listens.
    func start(_ more: [String] = []) async throws -> (GatewayProcess, HTTPCaller) {
        let arguments = ["serve"] + self.arguments + more
        let process = try GatewayProcess(arguments, in: self.folder, environment: Self.environment)
        try await eventually("a listening sluice: \(process.complaints)") { process.address != nil || process.hasEnded }
        guard let address = process.address else { throw NeverHappened(what: "a start: \(process.complaints)") }
        let bearer = [(name: "Authorization", value: "Bearer \(EndToEndFixture.adminKey)")]
        return (process, HTTPCaller(baseURL: address, headers: bearer))
    }

    /// The path of the file at a gateway.
    func path(_ caller: HTTPCaller) async throws -> String {
        let list = try await caller.get("/v1/downloads")
        return "/v1/downloads/\(try #require(list.json["downloads"].list.first?["id"].text, "\(list.text)"))"
    }

    /// Reads until so much has come.
    static func read(_ count: Int, of exchange: Exchange) async throws {
        while exchange.received < count { _ = try #require(try await exchange.next()) }
    }

    /// Reads a whole file, and compares it.
    func expectWhole(_ exchange: Exchange, after first: inout SHA256) async throws {
        while let part = try await exchange.next() { first.update(data: part.readableBytesView) }
        await exchange.close()
        let digest = first.finalize().map { String(format: "%02x", $0) }.joined()
        #expect(Int64(exchange.received) == self.file.size && digest == self.file.contents.sha256)
    }
}
