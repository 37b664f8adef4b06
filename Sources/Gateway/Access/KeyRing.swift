// SPDX-License-Identifier: Apache-2.0

public import Crypto
public import Downloads
public import Foundation
import NIOConcurrencyHelpers

/// The gateway keys: who holds one, and what of it is left.
///
/// Requests are judged by what is in memory. That follows the store: at once for changes made here, within half a second
/// for those of another process (the command line), by a counter that the database itself keeps. Streams that are open
/// then are judged anew, see ``register(_:needs:cut:)``.
public final class KeyRing: Sendable {
    struct Entry: Sendable {
        let caller: Caller
        let digest: Data
        let isRevoked: Bool
        /// When the grace of a secret that was rotated out ends; `nil` for the one of now.
        let graceEndsAt: Date?

        /// Whether what began with this secret may go on.
        func isValid(at time: Date) -> Bool { !self.isRevoked && (self.graceEndsAt.map { time < $0 } ?? true) }

        /// Whether a request with this secret is let in.
        func isUsable(at time: Date) -> Bool {
            self.isValid(at: time) && (self.caller.expiresAt.map { time < $0 } ?? true)
        }
    }

    struct Use: Sendable {
        var time: Date
        var address: String?
    }

    private struct State: Sendable {
        var generation: Int64?
        var checkedAt: Date?
        var byDigest: [Data: Entry] = [:]
        var uses: [String: Use] = [:]

        /// Whether the store was asked lately what has changed; a clock that was set back counts as time that passed.
        func isFresh(at now: Date) -> Bool {
            guard let last = self.checkedAt, self.generation != nil else { return false }
            return (0..<KeyRing.checkInterval).contains(now.timeIntervalSince(last))
        }
    }

    /// How long the store is not asked whether another process changed a key.
    private static let checkInterval: TimeInterval = 0.5

    let table: GatewayKeyTable
    let clock: @Sendable () -> Date
    let hasAdminKey: Bool
    private let pepper: SymmetricKey
    private let adminDigest: Data
    private let state = NIOLockedValueBox(State())
    private let streams = OpenStreams()

    /// Creates a key ring over the keys in `store`.
    ///
    /// `adminKey` is `SLUICE_ADMIN_KEY`, see ``problem(withAdminKey:)``. The pepper of the digests is derived from
    /// `masterSecret`: with another one, no stored key is known any more.
    public init(
        store: Store,
        masterSecret: SymmetricKey,
        adminKey: Secret? = nil,
        clock: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.table = GatewayKeyTable(store)
        self.clock = clock
        self.pepper = MasterSecret.derive(masterSecret, for: "gateway key pepper v1")
        self.hasAdminKey = adminKey?.isEmpty == false
        // Without an admin key, the comparison is with a text that is too long to be ever presented.
        let adminText = self.hasAdminKey ? adminKey?.reveal() : nil
        self.adminDigest = Self.digest(adminText ?? String(repeating: "-", count: 512), pepper: self.pepper)
    }

    /// What is wrong with a value of `SLUICE_ADMIN_KEY`, where something is; the text does not hold it.
    public static func problem(withAdminKey key: Secret) -> FieldProblem? {
        let text = key.reveal()
        guard (16...256).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return FieldProblem(
                field: "SLUICE_ADMIN_KEY",
                message: "must be 16–256 printable ASCII characters, without spaces"
            )
        }
        return nil
    }

    /// The caller that holds the presented key; `nil` for a malformed, unknown, revoked or expired one.
    ///
    /// All but the malformed take the same way, so that nothing tells them apart.
    public func authenticate(_ presented: String, from address: String? = nil) async throws(StoreError) -> Caller? {
        guard (16...256).contains(presented.utf8.count) else { return nil }
        let digest = Self.digest(presented, pepper: self.pepper)
        if Self.isEqual(digest, self.adminDigest), self.hasAdminKey { return .admin }
        guard GatewayKey(presented) != nil else { return nil }
        let now = self.clock()
        let found = try await self.current(at: now)[digest]
        let isSame = Self.isEqual(digest, found?.digest ?? self.adminDigest)
        guard let found, isSame, found.isUsable(at: now) else { return nil }
        self.state.withLockedValue { $0.uses[found.caller.id] = Use(time: now, address: address) }
        return found.caller
    }

    /// Whether a caller that was let in would be again, unchanged; its use is noted then.
    ///
    /// `false` too where only the store could tell, and for the holders of tokens, whose issuers are not asked.
    func stillAdmits(_ caller: Caller, from address: String?) -> Bool {
        if caller.identity == .admin { return self.hasAdminKey }
        guard let digest = caller.keyDigest else { return false }
        let now = self.clock()
        return self.state.withLockedValue { state in
            guard state.isFresh(at: now), let entry = state.byDigest[digest], entry.caller == caller,
                entry.isUsable(at: now)
            else { return false }
            state.uses[caller.id] = Use(time: now, address: address)
            return true
        }
    }

    static func digest(_ text: String, pepper: SymmetricKey) -> Data {
        Data(HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: pepper))
    }

    func digest(of key: GatewayKey) -> Data { Self.digest(key.secret.reveal(), pepper: self.pepper) }

    /// Compares without telling by its time where two digests differ.
    private static func isEqual(_ left: Data, _ right: Data) -> Bool {
        left.count == right.count && zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }

    // MARK: Open streams

    /// Has an answer that goes on for long watched until the returned closure is called, which must not be forgotten.
    ///
    /// `cut` is called at most once, from any thread: when the gateway key behind `caller` was revoked, its secret was
    /// rotated out, or its holder, as it is by then, is not what the stream `needs`; at once where that is so already. It
    /// may still be running when the returned closure returns. The key's own expiry does not end what has begun.
    func register(
        _ caller: Caller,
        needs: @escaping @Sendable (Caller) -> Bool,
        cut: @escaping @Sendable () -> Void
    ) -> @Sendable () -> Void {
        // `SLUICE_ADMIN_KEY` and tokens cannot be taken back while the gateway runs.
        guard caller.keyDigest != nil else { return {} }
        let id = self.streams.add(caller, needs: needs, cut: cut)
        // The keys may have changed since the caller was let in, when the stream was not yet there to be judged.
        self.judgeStreams(at: self.clock(), only: id)
        return { self.streams.remove(id) }
    }

    private func judgeStreams(at now: Date, only id: UInt64? = nil) {
        let byDigest = self.state.withLockedValue { $0.byDigest }
        self.streams.judge(id) { caller in
            guard let entry = caller.keyDigest.flatMap({ byDigest[$0] }), entry.isValid(at: now) else { return nil }
            return entry.caller
        }
    }

    // MARK: Following the store

    private func current(at now: Date) async throws(StoreError) -> [Data: Entry] {
        let mustCheck = self.state.withLockedValue { state in
            guard !state.isFresh(at: now) else { return false }
            guard state.checkedAt != nil, state.generation != nil else { return true }
            state.checkedAt = now  // The others go on meanwhile with what is there.
            return true
        }
        if mustCheck { try await self.follow(at: now) }
        return self.state.withLockedValue { $0.byDigest }
    }

    /// Loads the keys where the store's counter has moved, and judges the open streams by them and by the time.
    func follow(at now: Date) async throws(StoreError) {
        defer { self.judgeStreams(at: now) }
        let known = self.state.withLockedValue { $0.generation }
        do throws(StoreError) {
            guard let change = try await self.table.keys(changedSince: known) else {
                self.state.withLockedValue { $0.checkedAt = now }
                return
            }
            let entries = change.records.flatMap(\.entries)
            let byDigest = Dictionary(entries.map { ($0.digest, $0) }, uniquingKeysWith: { first, _ in first })
            self.state.withLockedValue { state in
                // Of two that load at once, the later state of the store wins.
                guard change.generation >= state.generation ?? .min else { return }
                state.generation = change.generation
                state.checkedAt = now
                state.byDigest = byDigest
            }
        } catch {
            self.state.withLockedValue { $0.checkedAt = nil }
            throw error
        }
    }

    // MARK: Last use

    /// Writes down when keys were last used; called every few seconds by ``run()``, and before keys are shown.
    public func recordUses() async throws(StoreError) {
        let uses = self.state.withLockedValue { state in
            defer { state.uses = [:] }
            return state.uses
        }
        guard !uses.isEmpty else { return }
        do throws(StoreError) {
            try await self.table.recordUses(uses)
        } catch {
            self.state.withLockedValue { $0.uses.merge(uses) { later, _ in later } }
            throw error
        }
    }
}
