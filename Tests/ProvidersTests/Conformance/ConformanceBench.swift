// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import HTTPTypes
import Logging
import NIOCore
import Simulators
import Transfer

@testable import Providers

/// A simulator, and in front of it the provider that is checked.
struct ConformanceBench: Sendable {
    let harness: ProviderHarness
    let simulator: any Simulator
    let transfer: TransferClient
    /// The time of the provider and of the simulator.
    let clock: TestClock
    var provider: any Provider
    /// A provider with credentials that the upstream does not know.
    let stranger: any Provider
    /// Another credential that the upstream knows.
    let second: [String: String]
    /// A provider with the upstream's own credential and ``second``.
    let pooled: ProviderSet.Entry
    let pooledProvider: any Provider

    var library: SimulatedLibrary { self.simulator.library }

    /// Sets up, runs a check, takes down; `wrap` may put a liar around the provider.
    static func run(
        _ check: ConformanceCheck,
        on harness: ProviderHarness,
        wrap: (any Provider) -> any Provider = { $0 }
    ) async throws {
        let clock = TestClock()
        let simulator = try await harness.start(SimulatedLibrary()) { clock.now }
        var logger = Logger(label: "conformance")
        logger.logLevel = .critical
        let transfer = TransferClient(egress: EgressPolicy(allowAddresses: ["127.0.0.0/8"]), logger: logger)
        let limit = Duration.milliseconds(check.isImpatient ? 800 : 20_000)
        let limits = TransferLimits(connect: .seconds(5), firstByte: limit, idle: limit)
        let catalog = ProviderCatalog(
            AdapterEnvironment(transfer: transfer, limits: limits, now: { clock.now }, sleep: Self.nap),
            retry: RetryPolicy(retries: 0),
            logger: logger
        )
        let result: Result<Void, any Error>
        do {
            let own = simulator.credentials
            let second = own.mapValues { "second-" + $0.reversed() }
            simulator.keys.add(second)
            func entry(_ credentials: [[String: String]]) throws -> ProviderSet.Entry {
                try Self.entry(of: harness, at: simulator, in: catalog, credentials)
            }
            let pooled = try entry([own, second])
            let stranger = try entry([own.mapValues { "x-" + $0.reversed() }])
            let bench = ConformanceBench(
                harness: harness,
                simulator: simulator,
                transfer: transfer,
                clock: clock,
                provider: wrap(try Self.provider(try entry([own]))),
                stranger: try Self.provider(stranger),
                second: second,
                pooled: pooled,
                pooledProvider: try Self.provider(pooled)
            )
            try await check.run(bench)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await simulator.stop()
        await transfer.shutdown()
        try result.get()
    }

    /// A pause of an adapter's, which nobody has to sit out.
    private static let nap: @Sendable (Duration) async throws -> Void = {
        try await Task.sleep(for: min($0, .milliseconds(2)))
    }

    private static func entry(
        of harness: ProviderHarness,
        at simulator: any Simulator,
        in catalog: ProviderCatalog,
        _ credentials: [[String: String]]
    ) throws -> ProviderSet.Entry {
        guard let id = ProviderID(harness.name) else { throw ConformanceFailure("\(harness.name) is no name") }
        let configuration = ProviderConfiguration(
            id: id,
            kind: harness.kind,
            baseURL: simulator.baseURL,
            credentials: credentials.map { ProviderCredential(fields: $0.mapValues { Secret($0) }) },
            settings: harness.settings
        )
        return try catalog.makeEntry(configuration)
    }

    private static func provider(_ entry: ProviderSet.Entry) throws -> any Provider {
        guard let provider = entry.provider else { throw ConformanceFailure("\(entry.id) is unconfigured") }
        return provider
    }

    // MARK: Furniture

    /// A new session; answers its id.
    @discardableResult
    func addSession(state: SimulatedSession.State = .finished) -> String {
        let count = self.library.sessions.count
        let id: String? =
            self.harness.has(.sessionsAreMachines)
            ? String(100 + count) : self.harness.has(.sessionsAreFolders) ? "Folder \(count)" : nil
        return self.library.addSession(id, state: state).id
    }

    /// A session with one file in it, as the provider lists it.
    func oneFile(_ name: String = "report.pdf", size: Int64 = 100_003) async throws -> (SimulatedFile, Download) {
        let session = self.addSession()
        let file = self.library.addFile(name, size: size, in: session)
        let listed = try await self.listAll(session)
        guard listed.count == 1, let download = listed.first else {
            throw ConformanceFailure("\(listed.count) downloads listed where there is one")
        }
        return (file, download)
    }

    /// All pages of a list; a list that does not end is a failure.
    func listAll(_ session: String?, filter: DownloadFilter = DownloadFilter()) async throws -> [Download] {
        var all: [Download] = []
        var page: PageToken?
        for _ in 0..<100 {
            let answer = try await self.provider.list(ListQuery(session: session, filter: filter, page: page))
            all += answer.items
            guard let next = answer.next else { return all }
            page = next
        }
        throw ConformanceFailure("the list does not end")
    }

    /// What was read of a body.
    struct Bytes: Equatable {
        var count: Int64 = 0
        var sha256 = ""
    }

    /// Reads a body to its end.
    func read(_ body: ContentBody) async throws -> Bytes {
        var hash = SHA256()
        var bytes = Bytes()
        for try await buffer in body {
            try require(buffer.readableBytes > 0, "the body has an empty buffer")
            bytes.count += Int64(buffer.readableBytes)
            buffer.withUnsafeReadableBytes { hash.update(bufferPointer: $0) }
        }
        bytes.sha256 = Self.hex(hash.finalize())
        return bytes
    }

    /// What of a file would have been read.
    static func bytes(of file: SimulatedFile, in range: ClosedRange<Int64>? = nil) -> Bytes {
        guard let range else { return Bytes(count: file.size, sha256: file.contents.sha256) }
        let slice = file.contents.bytes(in: range.lowerBound..<range.upperBound + 1)
        return Bytes(
            count: Int64(slice.readableBytes),
            sha256: slice.withUnsafeReadableBytes { Self.hex(SHA256.hash(data: $0)) }
        )
    }

    private static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// The calls that ask the upstream about a file, by name.
    func questions(_ download: Download) -> [(name: String, ask: @Sendable () async throws -> Void)] {
        let reference = download.reference
        return [
            ("list", { _ = try await self.provider.list(ListQuery(session: reference.session)) }),
            ("download", { _ = try await self.provider.download(reference) }),
            ("content", { _ = try await self.provider.content(of: reference, ContentRequest()) }),
        ]
    }

    /// Puts a fault before every request from now on.
    func breakEverything(_ fault: SimulatorFault) {
        for listener in self.simulator.listeners { listener.faults.add(fault, times: 1000) }
    }

    /// Takes all faults away, and what they left.
    func mend() {
        for listener in self.simulator.listeners { listener.faults.clear() }
        self.rest()
    }

    /// Lets so much time pass that no credential cools any more.
    func rest() { self.clock.advance(by: 2 * 86_400) }

    /// Forgets the requests so far.
    func clearRequests() {
        for listener in self.simulator.listeners { listener.clearRequests() }
    }

    /// Every value of a known credential.
    var secrets: [String] { [self.simulator.credentials, self.second].flatMap(\.values) }

    /// The requests at all listeners.
    var requests: [SimulatedRequest] { self.simulator.listeners.flatMap(\.requests) }

    /// The error that `operation` must end with; that it succeeds is a failure, and so is a secret in the error.
    func failure(_ what: String, _ operation: () async throws -> Void) async throws -> ProviderError {
        do {
            try await operation()
        } catch let error as ProviderError {
            try self.requireNoSecret(in: error, what)
            return error
        }
        throw ConformanceFailure("\(what) succeeded")
    }

    /// That no text of an error tells a credential or a presigned link.
    func requireNoSecret(in error: ProviderError, _ what: String) throws {
        var texts = [error.message, error.cause ?? "", "\(error)", String(reflecting: error)]
        var dumped = ""
        dump(error, to: &dumped)
        texts.append(dumped)
        for secret in self.secrets + ["X-Amz-Signature", "Bearer ", "HMAC "] {
            for text in texts where text.contains(secret) {
                throw ConformanceFailure("\(what): a secret in the error: \(text)")
            }
        }
    }
}

/// The provider with two credentials.
extension ConformanceBench {
    /// How each of its credentials does.
    var states: [CredentialStatus.State] { self.pooled.credentials().map(\.state) }

    /// How many requests showed each of its credentials.
    var uses: [Int] {
        [self.simulator.credentials, self.second].map { credential in
            let key = credential["apiKey"] ?? credential["token"] ?? ""
            return self.requests.filter { request in request.headers.contains { $0.value.contains(key) } }.count
        }
    }

    /// Makes its one call that is exactly one request.
    func check() async throws { try await self.pooledProvider.check() }
}
