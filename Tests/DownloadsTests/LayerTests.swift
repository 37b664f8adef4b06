// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Logging
import NIOCore
import Synchronization
import Testing

/// Answers from a script, and counts what reaches it.
private final class ScriptedProvider: Provider {
    let id: ProviderID
    let kind = "scripted"
    let capabilities: Capabilities
    private let script: Mutex<[ProviderError?]>
    private let count = Mutex(0)
    private let range: ClosedRange<Int64>?

    /// Each call takes the next step: an error, or `nil` for success; after the last, all succeed.
    init(
        _ capabilities: Capabilities = Capabilities(),
        script: [ProviderError?] = [],
        range: ClosedRange<Int64>? = nil
    ) throws {
        self.id = try #require(ProviderID("p"))
        self.capabilities = capabilities
        self.script = Mutex(script)
        self.range = range
    }

    var calls: Int { self.count.withLock { $0 } }

    private func step() throws(ProviderError) {
        self.count.withLock { $0 += 1 }
        let error = self.script.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        if let error { throw error }
    }

    func sessions(limit: Int) async throws(ProviderError) -> [Session] {
        try self.step()
        return (0...limit).map { Session(id: "\($0)") }
    }

    func list(_ query: ListQuery) async throws(ProviderError) -> Page<Download> {
        try self.step()
        return Page(items: [])
    }

    func download(_ reference: DownloadReference) async throws(ProviderError) -> Download {
        try self.step()
        return Download(reference: reference, name: "x")
    }

    func content(of reference: DownloadReference, _ request: ContentRequest) async throws(ProviderError) -> Content {
        try self.step()
        return Content(length: nil, range: self.range, totalSize: 10, body: ContentBody(ByteBuffer(string: "x")))
    }

    func delete(_ reference: DownloadReference) async throws(ProviderError) { try self.step() }

    func check() async throws(ProviderError) { try self.step() }
}

private let failure = ProviderError(.unavailable, retry: .now, message: "down")

private func kind(_ call: () async throws -> Void) async -> ProviderError.Kind? {
    do {
        try await call()
        return nil
    } catch {
        return (error as? ProviderError)?.kind
    }
}

@Suite struct CheckedProviderTests {
    private func reference(
        _ provider: String = "p",
        session: String? = "s",
        item: String = "i"
    ) throws -> DownloadReference {
        DownloadReference(provider: try #require(ProviderID(provider)), session: session, item: item)
    }

    @Test func refusesWhatIsNotPromisedWithoutACall() async throws {
        let base = try ScriptedProvider()
        let checked = CheckedProvider(base)
        let reference = try self.reference()
        #expect(await kind { _ = try await checked.sessions(limit: 5) } == .unsupported)
        #expect(await kind { try await checked.delete(reference) } == .unsupported)
        #expect(await kind { _ = try await checked.list(ListQuery(session: nil)) } == .unsupported)
        let filtered = ListQuery(session: "s", filter: DownloadFilter(filename: "x"))
        #expect(await kind { _ = try await checked.list(filtered) } == .unsupported)
        #expect(base.calls == 0)
    }

    @Test(arguments: ["", "a\r\nb", "a\u{0}"])
    func refusesPartsThatCouldChangeTheURL(_ part: String) async throws {
        let base = try ScriptedProvider(Capabilities(delete: true))
        let checked = CheckedProvider(base)
        let (badItem, badSession) = (try self.reference(item: part), try self.reference(session: part))
        for reference in [badItem, badSession] {
            #expect(await kind { _ = try await checked.download(reference) } == .notFound)
            #expect(await kind { _ = try await checked.content(of: reference, ContentRequest()) } == .notFound)
            #expect(await kind { try await checked.delete(reference) } == .notFound)
        }
        #expect(await kind { _ = try await checked.list(ListQuery(session: part)) } == .notFound)
        #expect(base.calls == 0)
    }

    @Test func refusesAnotherProvidersReference() async throws {
        let base = try ScriptedProvider()
        let foreign = try self.reference("q")
        #expect(await kind { _ = try await CheckedProvider(base).download(foreign) } == .notFound)
        #expect(base.calls == 0)
    }

    @Test func refusesARangeThatWasNotAskedFor() async throws {
        let reference = try self.reference()
        let other = CheckedProvider(try ScriptedProvider(range: 2...4))
        #expect(await kind { _ = try await other.content(of: reference, ContentRequest()) } == .malformedResponse)
        #expect(await kind { _ = try await other.content(of: reference, .init(range: .from(3))) } == .malformedResponse)
        let right = try await other.content(of: reference, .init(range: .bounded(first: 2, last: 4)))
        #expect(right.range == 2...4)
    }

    @Test func neverAnswersMoreSessionsThanAskedFor() async throws {
        let checked = CheckedProvider(try ScriptedProvider(Capabilities(listsSessions: true)))
        #expect(try await checked.sessions(limit: 3).count == 3)
        #expect(try await checked.sessions(limit: 0).isEmpty)
    }
}

@Suite struct RetryingProviderTests {
    private func policy() -> RetryPolicy {
        RetryPolicy(random: { 1 }, sleep: { _ in })
    }

    private func reference() throws -> DownloadReference {
        DownloadReference(provider: try #require(ProviderID("p")), session: nil, item: "i")
    }

    @Test func triesReadsAgain() async throws {
        let base = try ScriptedProvider(script: [failure, failure])
        _ = try await RetryingProvider(base, policy: self.policy()).download(try self.reference())
        #expect(base.calls == 3)
    }

    @Test func givesUpAfterItsRetries() async throws {
        let base = try ScriptedProvider(script: [failure, failure, failure])
        let reference = try self.reference()
        let retrying = RetryingProvider(base, policy: self.policy())
        #expect(await kind { _ = try await retrying.download(reference) } == .unavailable)
        #expect(base.calls == 3)
    }

    @Test func neverTriesDeletesOrChecksAgain() async throws {
        let base = try ScriptedProvider(script: [failure, failure])
        let reference = try self.reference()
        let retrying = RetryingProvider(base, policy: self.policy())
        #expect(await kind { try await retrying.delete(reference) } == .unavailable)
        #expect(await kind { try await retrying.check() } == .unavailable)
        #expect(base.calls == 2)
    }

    @Test func doesNotTryWhatCannotHelp() async throws {
        let base = try ScriptedProvider(script: [.notFound()])
        let reference = try self.reference()
        let retrying = RetryingProvider(base, policy: self.policy())
        #expect(await kind { _ = try await retrying.download(reference) } == .notFound)
        #expect(base.calls == 1)
    }

    @Test func waitsAsLongAsTheUpstreamSaidUnlessThatIsTooLong() async throws {
        let pauses = Mutex<[Duration]>([])
        let policy = RetryPolicy(random: { 1 }, sleep: { pause in pauses.withLock { $0.append(pause) } })
        let soon = ProviderError(.rateLimited, retry: .after(.seconds(1)), message: "slow down")
        let late = ProviderError(.rateLimited, retry: .after(.seconds(60)), message: "slow down")
        let base = try ScriptedProvider(script: [soon, late])
        let reference = try self.reference()
        let retrying = RetryingProvider(base, policy: policy)
        #expect(await kind { _ = try await retrying.download(reference) } == .rateLimited)
        #expect(pauses.withLock { $0 } == [.seconds(1)])
        #expect(base.calls == 2)
    }

    @Test func pausesGrowWithJitter() async throws {
        let pauses = Mutex<[Duration]>([])
        let policy = RetryPolicy(retries: 3, random: { 0 }, sleep: { pause in pauses.withLock { $0.append(pause) } })
        let base = try ScriptedProvider(script: [failure, failure, failure])
        _ = try await RetryingProvider(base, policy: policy).list(ListQuery(session: nil))
        #expect(pauses.withLock { $0 } == [.milliseconds(50), .milliseconds(100), .milliseconds(200)])
    }

    @Test func aCancelledPauseEndsAsCancelled() async throws {
        let policy = RetryPolicy(sleep: { _ in throw CancellationError() })
        let base = try ScriptedProvider(script: [failure])
        #expect(
            await kind { _ = try await RetryingProvider(base, policy: policy).list(ListQuery(session: nil)) }
                == .cancelled
        )
    }
}

@Suite struct ObservedProviderTests {
    private func observed(_ script: [ProviderError?]) throws -> (ObservedProvider, ProviderHealth) {
        let health = ProviderHealth(configured: true)
        let base = try ScriptedProvider(script: script)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        return (ObservedProvider(base, health: health, logger: logger, now: { Date(timeIntervalSince1970: 5) }), health)
    }

    @Test func aSuccessMakesItWell() async throws {
        let (provider, health) = try self.observed([failure, nil])
        #expect(await kind { try await provider.check() } == .unavailable)
        #expect(health.snapshot.state == .degraded)
        #expect(health.snapshot.lastError == "down")
        try await provider.check()
        #expect(health.snapshot.state == .ok)
        #expect(health.snapshot.lastSuccessAt == Date(timeIntervalSince1970: 5))
    }

    @Test func everyCallIsCountedByHowItEnded() async throws {
        let script: [ProviderError?] = [
            nil, failure, ProviderError(.unauthorized, message: "no"), .notFound(), .cancelled,
            .unsupported("list", by: try #require(ProviderID("p"))),
        ]
        let (provider, health) = try self.observed(script)
        for _ in script { _ = await kind { try await provider.check() } }
        let counts = Dictionary(
            uniqueKeysWithValues: ProviderCalls.Outcome.allCases.map { ($0, health.calls.count($0)) }
        )
        #expect(
            counts.filter { $0.value > 0 } == [.ok: 1, .unavailable: 1, .unauthorized: 1, .refused: 1, .cancelled: 1]
        )
        // What was cancelled says nothing of the provider's time, and what it cannot do was no call.
        #expect(health.calls.duration.counts.last == 4)
    }

    @Test func threeFailuresOrARefusedCredentialMakeItDown() async throws {
        let (provider, health) = try self.observed([failure, failure, failure])
        for _ in 0..<3 { _ = await kind { try await provider.check() } }
        #expect(health.snapshot.state == .down)
        let (refused, refusedHealth) = try self.observed([ProviderError(.unauthorized, message: "no")])
        _ = await kind { try await refused.check() }
        #expect(refusedHealth.snapshot.state == .down)
    }

    @Test func whatIsTheItemsFaultSaysThatTheProviderIsWell() async throws {
        let (provider, health) = try self.observed([failure, .notFound()])
        for _ in 0..<2 { _ = await kind { try await provider.check() } }
        #expect(health.snapshot.state == .ok)
    }

    @Test func cancellationSaysNothing() async throws {
        let (provider, health) = try self.observed([.cancelled])
        _ = await kind { try await provider.check() }
        #expect(health.snapshot.state == .ok)
        #expect(health.snapshot.lastErrorAt == nil)
    }
}

@Suite struct GuardedProviderTests {
    @Test func aFailingUpstreamIsLeftAloneAndAskedAgain() async throws {
        let base = try ScriptedProvider(script: [failure, failure, nil])
        let time = Mutex(ContinuousClock.now)
        let guarded = GuardedProvider(
            base,
            breaker: CircuitBreaker(.init(failures: 2, pause: .seconds(1))),
            instant: { time.withLock { $0 } }
        )
        for _ in 0..<5 { #expect(await kind { _ = try await guarded.list(ListQuery(session: nil)) } == .unavailable) }
        #expect(base.calls == 2)
        time.withLock { $0 = $0.advanced(by: .seconds(1)) }
        for _ in 0..<3 { #expect(await kind { _ = try await guarded.list(ListQuery(session: nil)) } == nil) }
        #expect(base.calls == 5)
    }

    @Test func whatIsAboutOneFileOpensNothing() async throws {
        let base = try ScriptedProvider(script: Array(repeating: ProviderError.notFound(), count: 5))
        let guarded = GuardedProvider(base, breaker: CircuitBreaker(.init(failures: 2)))
        for _ in 0..<5 { #expect(await kind { _ = try await guarded.list(ListQuery(session: nil)) } == .notFound) }
        #expect(base.calls == 5)
    }

    @Test func retriesAreBoundedOverAllCalls() async throws {
        let base = try ScriptedProvider(script: Array(repeating: failure, count: 100))
        let policy = RetryPolicy(retries: 2, random: { 0 }, sleep: { _ in })
        let retrying = RetryingProvider(base, policy: policy, budget: RetryBudget(most: 4, callsPerRetry: 10))
        for _ in 0..<10 { _ = await kind { _ = try await retrying.list(ListQuery(session: nil)) } }
        #expect(base.calls == 10 + 4)
    }
}
