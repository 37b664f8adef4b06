// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

@Suite struct DeleteTests {
    private let anew: HTTPFields = [.cacheControl: "no-cache"]

    @Test func deletesOnce() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x")
        let fixture = try await GatewayFixture([provider])
        let path = fixture.path(of: download)
        let answer = try await fixture.send(.delete, path)
        #expect(answer.status == .noContent)
        #expect(answer.data.isEmpty)
        #expect(answer.headers[.contentType] == nil)
        #expect(try await fixture.send(.delete, path).problemCode == "NOT_FOUND")
        #expect(try await fixture.send(.get, path).problemCode == "NOT_FOUND")
        #expect(try await fixture.send(.head, path).status == .notFound)
        #expect(try await fixture.json("/v1/downloads").filenames == [])
    }

    @Test func aConditionIsHeldAgainstTheFileAsItIsNow() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x")
        let fixture = try await GatewayFixture([provider])
        let path = fixture.path(of: download)
        let etag = try #require(try await fixture.send(.get, path).headers[.eTag])
        provider.add("x", bytes: Data("a newer file".utf8))
        for headers in [[.ifMatch: etag], [.ifNoneMatch: "*"]] as [HTTPFields] {
            #expect(try await fixture.send(.delete, path, headers: headers).problemCode == "PRECONDITION_FAILED")
        }
        #expect(provider.count(.delete) == 0)
        let newer = try #require(try await fixture.send(.get, path, headers: self.anew).headers[.eTag])
        #expect(newer != etag)
        #expect(try await fixture.send(.delete, path, headers: [.ifMatch: newer]).status == .noContent)
    }

    @Test func whoCannotDeleteSaysSo() async throws {
        let provider = try FakeProvider("alpha", .init(listsSessions: true))
        let download = provider.add("x")
        let fixture = try await GatewayFixture([provider])
        let answer = try await fixture.send(.delete, fixture.path(of: download))
        #expect(answer.status == .notImplemented)
        #expect(answer.problemCode == "NOT_SUPPORTED")
        #expect(provider.count(.delete) == 0)
        #expect(try await fixture.send(.get, fixture.path(of: download)).status == .ok)
    }

    @Test func needsTheScope() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x")
        let fixture = try await GatewayFixture([provider])
        let reader = try await fixture.key([.read, .write, .logs])
        let answer = try await fixture.send(.delete, fixture.path(of: download), key: reader)
        #expect(answer.problemCode == "INSUFFICIENT_SCOPE")
        #expect(provider.count(.delete) == 0)
        let deleter = try await fixture.key([.delete])
        #expect(try await fixture.send(.delete, fixture.path(of: download), key: deleter).status == .noContent)
    }

    /// An upstream's history may name for ever what was deleted.
    @Test func whatWasDeletedDoesNotComeBackFromTheUpstreamsHistory() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x")
        let fixture = try await GatewayFixture([provider])
        _ = try await fixture.json("/v1/downloads")
        #expect(try await fixture.send(.delete, fixture.path(of: download)).status == .noContent)
        provider.put(download, Data("some bytes".utf8))
        for headers in [[:], self.anew] {
            #expect(try await fixture.json("/v1/downloads", headers: headers).filenames == [])
        }
        let path = fixture.path(of: download)
        #expect(try await fixture.send(.get, path).problemCode == "NOT_FOUND")
        #expect(try await fixture.send(.head, path, headers: self.anew).status == .notFound)
        #expect(try await fixture.send(.delete, path).problemCode == "NOT_FOUND")
        let restarted = try await GatewayFixture([provider], stored: fixture.stored)
        #expect(try await restarted.json("/v1/downloads", headers: self.anew).filenames == [])
        #expect(try await restarted.send(.get, path).problemCode == "NOT_FOUND")
    }

    @Test func aNewerFileOfTheNameIsThere() async throws {
        let provider = try FakeProvider("alpha", .init(listsSessions: true, namesAreIdentity: true, delete: true))
        let download = provider.add("x")
        let fixture = try await GatewayFixture([provider])
        let path = fixture.path(of: download)
        #expect(try await fixture.send(.delete, path).status == .noContent)
        fixture.time.advance(60)
        provider.add("x", bytes: Data("newer".utf8), createdAt: fixture.time.now)
        #expect(try await fixture.json("/v1/downloads", headers: self.anew).filenames == ["x"])
        #expect(try await fixture.send(.get, path).text == "newer")
        #expect(try await fixture.send(.delete, path).status == .noContent)
        #expect(try await fixture.json("/v1/downloads", headers: self.anew).filenames == [])
    }

    @Test func whatIsGoneUpstreamIs404AndForgotten() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x")
        let fixture = try await GatewayFixture([provider])
        _ = try await fixture.json("/v1/downloads")
        provider.remove(download.reference)
        #expect(try await fixture.send(.delete, fixture.path(of: download)).problemCode == "NOT_FOUND")
        #expect(try await fixture.json("/v1/downloads").filenames == [])
    }

    @Test func aFailedDeleteLeavesTheFile() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x")
        provider.script { $0.failures[.delete] = ProviderError(.unavailable, message: "Down.") }
        let fixture = try await GatewayFixture([provider])
        let answer = try await fixture.send(.delete, fixture.path(of: download))
        #expect(answer.problemCode == "UPSTREAM_UNAVAILABLE")
        #expect(try await fixture.json("/v1/downloads").filenames == ["x"])
    }
}
