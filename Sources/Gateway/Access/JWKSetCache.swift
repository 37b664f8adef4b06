// SPDX-License-Identifier: Apache-2.0

import Logging
import NIOConcurrencyHelpers

/// The published keys of one issuer: the only owner of what is known of them, and of when they were asked for.
///
/// Whatever tokens come, the issuer is asked once at a time, and for an unknown `kid` once a minute. Good keys are kept until
/// better ones are there, however long that takes: an issuer that is down, or answers nonsense, locks nobody out.
final class JWKSetCache: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// The world outside.
    struct Surroundings: Sendable {
        var logger: Logger
        /// The time that ages are measured by.
        var instant: @Sendable () -> Instant
        /// Waits so long; throws when the task is cancelled.
        var sleep: @Sendable (Duration) async throws -> Void
    }

    private enum Reason {
        /// A token names a key that is not there.
        case missingKey
        /// Time has passed.
        case age
    }

    private struct State: Sendable {
        var keys: JWKSet?
        var loadedAt: Instant?
        var askedAt: Instant?
        var missedAt: Instant?
        var warnedAt: Instant?
        var flight: Task<Void, Never>?
    }

    private let loader: JWKSetLoader
    private let surroundings: Surroundings
    private let state = NIOLockedValueBox(State())

    init(_ loader: JWKSetLoader, _ surroundings: Surroundings) {
        self.loader = loader
        self.surroundings = surroundings
    }

    /// The key for a token of this header.
    ///
    /// A published key that is known is answered at once; for another one the issuer may be asked, which takes
    /// ``longestLoad`` at most. A file is looked at again, at most once a second.
    func key(_ id: String?, for algorithm: JWTAlgorithm) async -> PublicKeyPEM? {
        if self.loader.location.isRemote, let key = self.knownKey(id, algorithm) { return key }
        await self.load(for: .missingKey)?.value
        return self.knownKey(id, algorithm)
    }

    /// Starts loading where the keys are not there or old; called every now and then, and does not wait.
    func refresh() { _ = self.load(for: .age) }

    /// How many keys can be used, asked anew; changes nothing.
    func test() async throws(JWKSetError) -> Int { try await self.boundedLoad().get().count }

    private func knownKey(_ id: String?, _ algorithm: JWTAlgorithm) -> PublicKeyPEM? {
        self.state.withLockedValue { $0.keys?.key(id, for: algorithm) }
    }

    // MARK: Loading

    /// How long the issuer has for all that it is asked.
    static let longestLoad = Duration.seconds(5)

    /// The load that runs, or one that is begun where it is due; `nil` where it is not.
    private func load(for reason: Reason) -> Task<Void, Never>? {
        let now = self.surroundings.instant()
        return self.state.withLockedValue { state in
            if let flight = state.flight { return flight }
            guard self.isDue(reason, state, now) else { return nil }
            state.askedAt = now
            if reason == .missingKey { state.missedAt = now }
            // A task of its own: a caller that leaves must not end what others wait for.
            let flight = Task { await self.finish(self.boundedLoad()) }
            state.flight = flight
            return flight
        }
    }

    private func isDue(_ reason: Reason, _ state: State, _ now: Instant) -> Bool {
        func isPast(_ interval: Duration, since time: Instant?) -> Bool { time.map { now - $0 >= interval } ?? true }
        guard self.loader.location.isRemote else { return isPast(.seconds(1), since: state.askedAt) }
        switch reason {
        case .missingKey where state.keys != nil: return isPast(.seconds(60), since: state.missedAt)
        case .missingKey: return isPast(.seconds(5), since: state.askedAt)
        case .age: return isPast(.seconds(5), since: state.askedAt) && isPast(.seconds(600), since: state.loadedAt)
        }
    }

    private func boundedLoad() async -> Result<JWKSet, JWKSetError> {
        let (loader, sleep) = (self.loader, self.surroundings.sleep)
        return await withTaskGroup(of: Result<JWKSet, JWKSetError>.self) { group in
            group.addTask {
                do throws(JWKSetError) { return .success(try await loader.load()) } catch { return .failure(error) }
            }
            group.addTask {
                try? await sleep(Self.longestLoad)
                return .failure(JWKSetError("There was no answer within 5 s."))
            }
            defer { group.cancelAll() }
            return await group.next() ?? .failure(JWKSetError("Nothing was asked."))
        }
    }

    private func finish(_ result: Result<JWKSet, JWKSetError>) {
        let now = self.surroundings.instant()
        let failure: JWKSetError? = self.state.withLockedValue { state in
            state.flight = nil
            switch result {
            case .success(let keys):
                state.keys = keys
                state.loadedAt = now
                return nil
            case .failure(let error):
                guard state.warnedAt.map({ now - $0 >= .seconds(60) }) ?? true else { return nil }
                state.warnedAt = now
                return error
            }
        }
        guard let failure else { return }
        self.surroundings.logger.warning(
            "The keys of a token issuer could not be loaded; those known before are kept.",
            metadata: ["issuer": "\(self.loader.issuer.issuer)", "reason": "\(failure.message)"]
        )
    }
}
