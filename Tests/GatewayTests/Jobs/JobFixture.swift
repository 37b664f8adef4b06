// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Synchronization
import Testing

@testable import Gateway

/// A gateway whose jobs run, over a fake provider that brings in what the test says.
struct JobFixture {
    let provider: FakeProvider
    let gateway: GatewayFixture

    static let creating = Capabilities(
        listsSessions: true,
        listsRoot: true,
        delete: true,
        create: true,
        cancel: true,
        upload: true
    )

    /// Runs `body` with it; `script` is the provider's.
    static func run(
        stored: StoreFixture? = nil,
        policy: JobPolicy = JobPolicy(),
        _ capabilities: Capabilities = Self.creating,
        others: [FakeProvider] = [],
        script: @escaping (inout FakeProvider.Script) -> Void = { _ in },
        _ body: (JobFixture) async throws -> Void
    ) async throws {
        let provider = try FakeProvider("web", capabilities)
        provider.script { $0.listings[nil] = [] }
        provider.script(script)
        let pauses = Pauses()
        let gateway = try await GatewayFixture([provider] + others, stored: stored, configure: { $0.jobs = policy }) {
            try await pauses.wait($0)
        }
        pauses.time.withLock { $0 = gateway.time }
        try await gateway.gateway.jobs.start(copyingFrom: gateway.gateway.library)
        do {
            try await body(JobFixture(provider: provider, gateway: gateway))
            await gateway.gateway.jobs.stop()
        } catch {
            await gateway.gateway.jobs.stop()
            throw error
        }
    }

    /// Asks for a file, and answers its id.
    func create(
        _ name: String = "a.txt",
        url: String = "https://example.org/a",
        key: String = GatewayFixture.adminKey,
        headers: HTTPFields = [:],
        more: String = ""
    ) async throws -> String {
        let body = "{\"url\":\"\(url)\",\"filename\":\"\(name)\"\(more)}"
        let answer = try await self.post("/v1/downloads", body, key: key, headers: headers)
        return try #require(try answer.json(expecting: .accepted)["id"].text)
    }

    func post(
        _ path: String,
        _ body: String?,
        key: String = GatewayFixture.adminKey,
        headers: HTTPFields = [:]
    ) async throws -> Answer {
        var headers = headers
        if body != nil { headers[.contentType] = "application/json" }
        return try await self.gateway.send(.post, path, key: key, headers: headers, body: body)
    }

    func metadata(of id: String) async throws -> JSONValue { try await self.gateway.json("/v1/downloads/\(id)") }

    /// The download once it has this status.
    @discardableResult
    func wait(for status: String, of id: String) async throws -> JSONValue {
        var last = JSONValue.null
        try await eventually("\(id) is \(status)") {
            last = try await self.metadata(of: id)
            return last["status"].text == status
        }
        return last
    }
}

/// Waits in the test's own time: a pause moves it, so that it takes none; a long one lasts until it is cancelled.
private final class Pauses: Sendable {
    let time = Mutex<TestTime?>(nil)

    func wait(_ pause: Duration) async throws {
        // A job's own time limit is a pause too, which must not pass by itself. What waits for another try wakes every second.
        if pause >= .seconds(10) { try await Task.sleep(for: .seconds(3600)) }
        try await Task.sleep(for: .milliseconds(1))
        self.time.withLock { $0?.advance(pause / .seconds(1)) }
    }
}
