// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
public import Logging
import NIOConcurrencyHelpers
import NIOCore
import Synchronization

/// Makes HTTP transfers through libcurl's multi interface, on threads of its own.
///
/// ```swift
/// let client = TransferClient(egress: EgressPolicy(), logger: logger)
/// let response = try await client.execute(TransferRequest(url: "https://example.org/report.pdf"))
/// for try await bytes in response.body { try await file.write(bytes) }
/// await client.shutdown()
/// ```
///
/// Each transfer belongs to one thread, the one that has the fewest; the memory of bodies is shared out among all of them.
public final class TransferClient: Sendable {
    private let drivers: [TransferDriver]
    private let budget: BodyBudget
    private let judge: NIOLockedValueBox<EgressJudge>
    /// Held while a driver is chosen.
    private let choosing = NIOLock()
    private let logger: Logger

    /// Each keeps connections of its own, and eight fill any network that files come over.
    private static let mostThreads = 8

    /// Each of its threads, one for each core where nothing else is said, starts with its first transfer.
    public init(egress: EgressPolicy, logger: Logger, threads: Int? = nil) {
        let budget = BodyBudget()
        self.budget = budget
        let count = max(1, threads ?? min(System.coreCount, Self.mostThreads))
        self.drivers = (0..<count).map { _ in TransferDriver(sharing: budget) }
        self.judge = NIOLockedValueBox(EgressJudge(egress))
        self.logger = logger
    }

    /// Makes a request; returns at the answer's head, with any status.
    ///
    /// Cancelling the task ends the transfer at any moment.
    public func execute(_ request: TransferRequest) async throws(TransferError) -> TransferResponse {
        var hop = try Hop(request)
        while true {
            let response = try await self.send(hop)
            let next = try hop.next(status: response.status, location: response.headers[.location])
            guard let next else { return response }
            hop = next
        }
    }

    private func send(_ hop: Hop) async throws(TransferError) -> TransferResponse {
        do throws(TransferError) {
            return try await self.reserve().send(hop, self.judge.withLockedValue(\.self))
        } catch {
            self.logger.debug("transfer failed", metadata: ["host": "\(hop.url.origin.host)", "kind": "\(error.kind)"])
            throw error
        }
    }

    /// The driver with the fewest transfers, which has one more from now on.
    ///
    /// The first of several: one request after the other uses one kept connection.
    private func reserve() -> TransferDriver {
        self.choosing.withLock {
            let driver = self.drivers.dropFirst().reduce(self.drivers[0]) { $1.load < $0.load ? $1 : $0 }
            driver.reserve()
            return driver
        }
    }

    /// Transfers that hold a handle now.
    public var openTransfers: Int { self.budget.transfers.load(ordering: .relaxed) }

    /// Transfers of each thread.
    var loads: [Int] { self.drivers.map(\.load) }

    /// Bytes of bodies that were taken from the network so far.
    var bytesReceived: UInt64 { self.budget.received.load(ordering: .relaxed) }

    /// Transfers that were begun since the start, each redirect counted as one more.
    public var begunTransfers: Int64 { Int64(clamping: self.drivers.reduce(0) { $0 &+ $1.begun }) }

    /// Refuses new transfers, fails the open ones, and ends the threads.
    ///
    /// Returns when all connections are closed. A second call does no harm.
    public func shutdown() async {
        for driver in self.drivers { await driver.shutdown() }
    }
}

// MARK: - Egress

extension TransferClient {
    /// Judges the transfers that start later by another policy; the listeners of this process stay refused.
    public func setEgress(_ policy: EgressPolicy) {
        self.judge.withLockedValue { $0 = EgressJudge(policy, after: $0) }
    }

    /// Names the listeners of this process, once their ports are known; they are refused to every transfer that starts later.
    public func setOwnListeners(_ listeners: [EgressPolicy.Listener]) {
        self.judge.withLockedValue { $0.setListeners(listeners) }
    }

    /// Judges a URL that somebody brought by what is known before its name is resolved: its form, its domain, an address in
    /// the place of a name, or a name that has one address everywhere.
    ///
    /// Throws `invalidURL` and `addressRefused`. What passes is judged again at each hop, on the address that it resolves to.
    public func check(_ url: String) throws(TransferError) {
        let origin = try TargetURL(url).origin
        let judge = self.judge.withLockedValue(\.self)
        let address = IPAddress(origin.host) ?? WellKnownHost.address(of: origin.host)
        let refusal =
            judge.refusal(of: origin)
            ?? address.flatMap { judge.refusal(of: $0, port: origin.port, isTrusted: false) }
        if let refusal { throw TransferError(.addressRefused(reason: refusal), detail: origin.host) }
    }
}
