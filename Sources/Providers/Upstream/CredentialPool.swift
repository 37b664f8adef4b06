// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Synchronization

/// The credentials of one provider: whose turn it is, and how each does.
///
/// The one owner of that state. Time is passed in, and nothing in here waits.
final class CredentialPool: Sendable {
    /// How long a credential rests whose upstream wants fewer requests and does not say for how long.
    static let usualRest = Duration.seconds(30)
    /// How long a refused credential is used only where no other is left.
    static let refusalRest = Duration.seconds(300)

    private struct Member {
        let credential: ProviderCredential
        var status: CredentialStatus
        /// The number of its last turn; the lowest is next.
        var turn = 0

        /// The lowest is next: refused ones come after all others.
        var order: (Int, Int) { (self.status.state == .refused ? 1 : 0, self.turn) }

        /// Ends a rest whose time is over.
        mutating func wake(at now: Date) {
            guard let until = self.status.coolsUntil, until <= now else { return }
            self.status.state = .ok
            self.status.coolsUntil = nil
        }
    }

    private struct State {
        var members: [Member]
        var turns = 0
    }

    private let state: Mutex<State>

    /// Takes usable credentials; of two with one id, the first counts.
    ///
    /// What `known` says of the same credential, by id and fingerprint, goes on.
    init(_ credentials: [ProviderCredential], keeping known: [CredentialStatus] = []) {
        var ids: Set<String> = []
        let members = credentials.filter { ids.insert($0.id).inserted }.map { credential in
            var member = Member(credential: credential, status: CredentialStatus(of: credential))
            if let old = known.first(where: { $0.id == credential.id && $0.fingerprint == member.status.fingerprint }) {
                (member.status.state, member.status.coolsUntil) = (old.state, old.coolsUntil)
                member.status.lastUsedAt = old.lastUsedAt
            }
            return member
        }
        self.state = Mutex(State(members: members))
    }

    /// Whether there are none.
    var isEmpty: Bool { self.state.withLock { $0.members.isEmpty } }

    /// Everything in them, which no text may hold.
    var secrets: [Secret] { self.state.withLock { $0.members.flatMap { $0.credential.fields.values } } }

    /// The one whose turn it is, except those that a call has `tried`; `nil` where none is left.
    ///
    /// One that is cooling is never handed out, one that was refused only after all others.
    func take(except tried: Set<String> = [], at now: Date) -> ProviderCredential? {
        self.state.withLock { state in
            for index in state.members.indices { state.members[index].wake(at: now) }
            let free = state.members.indices.filter { index in
                let status = state.members[index].status
                return status.state != .cooling && !tried.contains(status.id)
            }
            guard let next = free.min(by: { state.members[$0].order < state.members[$1].order }) else { return nil }
            state.turns += 1
            state.members[next].turn = state.turns
            state.members[next].status.lastUsedAt = now
            return state.members[next].credential
        }
    }

    /// Notes that a credential was good for a success.
    ///
    /// A rest that a later answer wanted stays.
    func worked(_ id: String) {
        self.update(id) { status in
            guard status.state == .refused else { return }
            status.state = .ok
            status.coolsUntil = nil
        }
    }

    /// Notes that the upstream wants no request with a credential for as long as `wait`; of two rests the longer counts.
    func limited(_ id: String, for wait: Duration, at now: Date) {
        let until = now.addingTimeInterval(wait / .seconds(1))
        self.update(id) { status in
            guard until > now, status.state != .cooling || until > status.coolsUntil ?? now else { return }
            status.state = .cooling
            status.coolsUntil = until
        }
    }

    /// Notes that the upstream does not accept a credential.
    func refused(_ id: String, at now: Date) {
        self.update(id) { status in
            guard status.state != .cooling else { return }
            status.state = .refused
            status.coolsUntil = now.addingTimeInterval(Self.refusalRest / .seconds(1))
        }
    }

    /// How long until the first of those that are cooling may be used; `nil` where none is.
    func soonest(at now: Date) -> Duration? {
        self.statuses(at: now).filter { $0.state == .cooling }.compactMap(\.coolsUntil).min().map { until in
            RetryAfter.wait(until.timeIntervalSince(now))
        }
    }

    /// How each does, in their order.
    func statuses(at now: Date) -> [CredentialStatus] {
        self.state.withLock { state in
            for index in state.members.indices { state.members[index].wake(at: now) }
            return state.members.map(\.status)
        }
    }

    private func update(_ id: String, _ change: (inout CredentialStatus) -> Void) {
        self.state.withLock { state in
            guard let index = state.members.firstIndex(where: { $0.credential.id == id }) else { return }
            change(&state.members[index].status)
        }
    }
}
