// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

/// Conditions of requests for files that have no bytes, or nothing that tells them from others.
@Suite struct ContentConditionTests {
    @Test func ofAFileThatIsNotThereYetHeadSaysWhatGetSays() async throws {
        for (status, code) in [(DownloadStatus.downloading, "NOT_READY"), (.cancelled, "CONFLICT")] {
            let provider = try FakeProvider("alpha")
            let download = provider.add("x.bin") { $0.status = status }
            let fixture = try await GatewayFixture([provider])
            let path = fixture.path(of: download)
            #expect(try await fixture.send(.head, path).status == .conflict)
            // What would be no success is not made one by a condition (RFC 9110, 13.2.1).
            for field in [HTTPField.Name.ifNoneMatch, .ifMatch] {
                #expect(try await fixture.send(.get, path, headers: [field: "*"]).problemCode == code)
            }
        }
    }

    /// Of two files with one name and one size, of which nothing else is known, no validator may stand for both.
    @Test func aFileThatCannotBeToldFromAnotherHasNoETag() async throws {
        let bytes = Data.pattern(100)
        let provider = try FakeProvider("alpha")
        let download = provider.add("x.bin", bytes: bytes, createdAt: nil, revision: "")
        let fixture = try await GatewayFixture([provider])
        let path = fixture.path(of: download)
        let first = try await fixture.send(.get, path)
        #expect(first.data == bytes && first.headers[.eTag] == nil)
        #expect(try await fixture.send(.get, path, headers: [.ifNoneMatch: "\"\""]).status == .ok)
        #expect(try await fixture.send(.get, path, headers: [.ifMatch: "\"x\""]).status == .preconditionFailed)
        let part = try await fixture.send(.get, path, headers: [.range: "bytes=0-1", .ifRange: "\"x\""])
        #expect(part.status == .ok && part.data == bytes)
    }
}
