// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import NIOCore
import Testing

@testable import Gateway

@Suite struct ArchiveTests {
    private static let accept: HTTPFields = [.accept: "application/zip"]

    private func zip(
        _ fixture: GatewayFixture,
        _ query: String = "",
        key: String = GatewayFixture.adminKey
    ) async throws -> Answer {
        try await fixture.send(.get, "/v1/downloads" + query, key: key, headers: Self.accept)
    }

    /// Three files in two sessions of one provider, and one of another.
    private func filled() async throws -> (fixture: GatewayFixture, alpha: FakeProvider, beta: FakeProvider) {
        let (alpha, beta) = (try FakeProvider("alpha"), try FakeProvider("beta"))
        alpha.add("a.txt", in: "s1", bytes: Data("first".utf8))
        alpha.add("b.bin", in: "s1", bytes: .pattern(100_000))
        alpha.add("a.txt", in: "s2", item: "other", bytes: Data())
        beta.add("c.txt", in: "t1", bytes: Data("of beta".utf8))
        return (try await GatewayFixture([alpha, beta]), alpha, beta)
    }

    // MARK: Whole ones

    @Test func allFilesAreInItAndTheLengthIsExact() async throws {
        let (fixture, _, _) = try await self.filled()
        let answer = try await self.zip(fixture, "?sort=filename")
        #expect(answer.status == .ok && answer.headers[.contentType] == "application/zip")
        #expect(answer.headers[.contentLength] == "\(answer.data.count)")
        #expect(answer.headers[.contentDisposition]?.hasPrefix("attachment; filename=\"downloads.zip\"") == true)
        #expect(answer.headers[.acceptRanges] == "none" && answer.headers[.vary] == "Accept")
        let archive = try ReadZip(answer.data)
        #expect(Set(archive.names) == ["alpha/s1/a.txt", "alpha/s1/b.bin", "alpha/s2/a.txt", "beta/t1/c.txt"])
        #expect(archive.text("alpha/s1/a.txt") == "first" && archive.text("alpha/s2/a.txt") == "")
        #expect(archive.files.first { $0.name.hasSuffix("b.bin") }?.bytes == .pattern(100_000))
        let entry = try #require(try await fixture.log().last)
        #expect(entry.outcome == .complete && entry.bytesOut == Int64(answer.data.count) && entry.status == 200)
    }

    @Test func oneSessionIsFlatAndPagesDoNotCount() async throws {
        let (fixture, _, _) = try await self.filled()
        let answer = try await self.zip(fixture, "?provider=alpha&sessionId=s1&sort=filename&limit=1&offset=1")
        #expect(try ReadZip(answer.data).names == ["a.txt", "b.bin"])
    }

    @Test func unknownSizesAreChunkedAndRight() async throws {
        let alpha = try FakeProvider("alpha")
        alpha.add("a", bytes: .pattern(70_000), size: .some(nil))
        alpha.add("b", bytes: Data("b".utf8))
        let answer = try await self.zip(try await GatewayFixture([alpha]), "?sessionId=s1&sort=filename")
        #expect(answer.status == .ok && answer.headers[.contentLength] == nil)
        #expect(try ReadZip(answer.data).files.map(\.bytes) == [.pattern(70_000), Data("b".utf8)])
    }

    @Test func aThousandSmallFilesComeInTheirOrder() async throws {
        let alpha = try FakeProvider("alpha")
        for number in 1000..<2000 { alpha.add("f\(number)", bytes: Data("\(number)".utf8)) }
        let answer = try await self.zip(try await GatewayFixture([alpha]), "?sessionId=s1&sort=filename")
        let files = try ReadZip(answer.data).files
        #expect(files.map(\.name) == (1000..<2000).map { "f\($0)" })
        #expect(files.allSatisfy { $0.name == "f" + String(decoding: $0.bytes, as: UTF8.self) })
        #expect(answer.headers[.contentLength] == "\(answer.data.count)")
    }

    @Test func whatIsNoFileIsLeftOutOrReported() async throws {
        let alpha = try FakeProvider("alpha")
        alpha.add("done")
        alpha.add("running", change: { $0.status = .downloading })
        alpha.add(
            "broken",
            change: {
                $0.status = .failed; $0.failure = DownloadFailure(code: .networkError, message: "Cut.")
            }
        )
        let fixture = try await GatewayFixture([alpha])
        #expect(try ReadZip(try await self.zip(fixture, "?sessionId=s1").data).names == ["done"])
        let archive = try ReadZip(try await self.zip(fixture, "?sessionId=s1&onError=report").data)
        #expect(archive.names == ["done", "MISSING.txt"])
        let lines = archive.text("MISSING.txt")?.split(separator: "\n") ?? []
        #expect(lines.count == 3)
        #expect(lines.contains { $0.hasPrefix("NOT_READY\trunning\tdl_") })
        #expect(lines.contains { $0.hasPrefix("DOWNLOAD_FAILED\tbroken\tdl_") && $0.hasSuffix("\tCut.") })
        #expect(try await self.zip(fixture, "?status=failed").problemCode == "NOT_FOUND")
    }

    // MARK: Refusals

    @Test func aZipOfNothingIs404() async throws {
        let (fixture, alpha, _) = try await self.filled()
        #expect(try await self.zip(fixture, "?filename=none").problemCode == "NOT_FOUND")
        #expect(try await self.zip(fixture, "?filename=none&onError=report").problemCode == "NOT_FOUND")
        #expect(alpha.count(.content) == 0)
    }

    @Test(arguments: [
        ("?onError=ignore", "application/zip"), ("?onError=report", "application/json"),
        ("?onerror=report", "application/zip"),
    ])
    func wrongParametersAreRefused(_ query: String, _ accept: String) async throws {
        let (fixture, _, _) = try await self.filled()
        let answer = try await fixture.send(.get, "/v1/downloads" + query, headers: [.accept: accept])
        #expect(answer.problemCode == "INVALID_REQUEST")
    }

    @Test func moreThanItMayHoldIsRefusedNotCut() async throws {
        let alpha = try FakeProvider("alpha")
        for number in 0..<3 { alpha.add("f\(number)", bytes: .pattern(100)) }
        let few = try await GatewayFixture([alpha]) { $0.archives.maxFiles = 2 }
        let answer = try await self.zip(few)
        #expect(answer.problemCode == "TOO_LARGE" && answer.text.contains("3 files"))
        let small = try await GatewayFixture([alpha]) { $0.archives.maxBytes = 299 }
        #expect(try await self.zip(small).problemCode == "TOO_LARGE")
        let enough = try await GatewayFixture([alpha]) { $0.archives = ArchivePolicy(maxFiles: 3, maxBytes: 300) }
        #expect(try await self.zip(enough).status == .ok)
        #expect(alpha.count(.content) == 3)
    }

    @Test func bytesThatNobodyNamedAreBoundedToo() async throws {
        let alpha = try FakeProvider("alpha")
        alpha.add("f", bytes: .pattern(1000), size: .some(nil))
        let fixture = try await GatewayFixture([alpha]) { $0.archives.maxBytes = 999 }
        await #expect(throws: ProviderError.self) { try await self.zip(fixture) }
    }

    @Test func timeIsBounded() async throws {
        let alpha = try FakeProvider("alpha")
        alpha.add("f", bytes: .pattern(100_000))
        alpha.add("g", bytes: .pattern(100_000))
        let stored = try StoreFixture()
        let fixture = try await GatewayFixture([alpha], stored: stored, configure: { $0.archives.maxTime = 60 })
        alpha.script { script in
            script.content = { _, _ in
                stored.time.advance(70)
                return Content(length: 100_000, body: FakeBody(.pattern(100_000)).body)
            }
        }
        await #expect(throws: ProviderError.self) { try await self.zip(fixture) }
    }

    @Test func anIncompleteListIsNoArchive() async throws {
        let (fixture, alpha, beta) = try await self.filled()
        beta.script { $0.failures[.sessions] = ProviderError(.unavailable, message: "Down.") }
        let refused = try await self.zip(fixture)
        #expect(refused.problemCode == "UPSTREAM_ERROR" && refused.text.contains("beta: Down."))
        #expect(try await self.zip(fixture, "?provider=beta").problemCode == "UPSTREAM_UNAVAILABLE")
        #expect(try await self.zip(fixture, "?provider=beta&onError=report").problemCode == "UPSTREAM_UNAVAILABLE")
        #expect(alpha.count(.content) == 0)
        let archive = try ReadZip(try await self.zip(fixture, "?onError=report").data)
        #expect(archive.names.count == 4 && archive.names.last == "MISSING.txt")
        #expect(archive.text("MISSING.txt")?.contains("UPSTREAM_UNAVAILABLE\tprovider beta\t-\tDown.") == true)
    }

    /// An old list stands in for an upstream that is down; in an archive nobody would see that.
    @Test func anOldListIsNoneOfAllThereIs() async throws {
        let (fixture, _, beta) = try await self.filled()
        #expect(try await self.zip(fixture).status == .ok)
        fixture.time.advance(3600)
        beta.script { $0.failures[.list] = ProviderError(.unavailable, message: "Down.") }
        let refused = try await self.zip(fixture)
        #expect(refused.problemCode == "UPSTREAM_ERROR" && refused.text.contains("beta"))
        let archive = try ReadZip(try await self.zip(fixture, "?onError=report").data)
        #expect(archive.text("MISSING.txt")?.contains("provider beta") == true)
        #expect(archive.text("beta/t1/c.txt") == "of beta")
    }

    /// Sessions that began since are nobody's yet, however well the old ones answer.
    @Test func oldSessionsAreNotAllThereAre() async throws {
        let (fixture, _, beta) = try await self.filled()
        #expect(try await self.zip(fixture).status == .ok)
        fixture.time.advance(3600)
        beta.add("new.txt", in: "t2")
        beta.script { $0.failures[.sessions] = ProviderError(.unavailable, message: "Down.") }
        #expect(try await self.zip(fixture).problemCode == "UPSTREAM_ERROR")
        #expect(try await self.zip(fixture, "?sessionId=t1").status == .ok)
    }

    @Test func moreSessionsThanAreAskedIsRefused() async throws {
        let alpha = try FakeProvider("alpha")
        for number in 0..<3 { alpha.add("f", in: "s\(number)") }
        let fixture = try await GatewayFixture([alpha]) { $0.fanOut.sessions = 2 }
        #expect(try await self.zip(fixture).problemCode == "TOO_LARGE")
        #expect(try ReadZip(try await self.zip(fixture, "?onError=report").data).names.last == "MISSING.txt")
        #expect(try await self.zip(fixture, "?sessionId=s0").status == .ok)
    }

    // MARK: Failures

    private func failing(
        _ item: String,
        _ content: @escaping @Sendable () throws(ProviderError) -> Content
    ) async throws -> GatewayFixture {
        let alpha = try FakeProvider("alpha")
        for name in ["a", "b", "c"] { alpha.add(name, bytes: .pattern(1000)) }
        alpha.script { script in
            script.content = { reference, _ throws(ProviderError) in
                if reference.item == item { return try content() }
                return Content(length: 1000, body: FakeBody(.pattern(1000)).body)
            }
        }
        return try await GatewayFixture([alpha])
    }

    private static let path = "?sessionId=s1&sort=filename"

    @Test func theFirstFilesFailureIsAProblem() async throws {
        let fixture = try await self.failing("a") { () throws(ProviderError) in
            throw ProviderError(.unavailable, message: "Down.")
        }
        let answer = try await self.zip(fixture, Self.path)
        #expect(answer.problemCode == "UPSTREAM_UNAVAILABLE" && answer.text.contains("'a'"))
        let gone = try await self.failing("a") { () throws(ProviderError) in throw .notFound() }
        #expect(try await self.zip(gone, Self.path).problemCode == "UPSTREAM_MALFORMED")
    }

    @Test func aLaterFilesFailureBreaksTheArchive() async throws {
        let fixture = try await self.failing("b") { () throws(ProviderError) in
            throw ProviderError(.unavailable, message: "Down.")
        }
        await #expect(throws: ProviderError.self) { try await self.zip(fixture, Self.path) }
        #expect(try await fixture.log().last?.outcome == .upstreamCut)
    }

    @Test func whatFailsIsLeftOutAndReported() async throws {
        for name in ["a", "b", "c"] {
            let fixture = try await self.failing(name) { () throws(ProviderError) in
                throw ProviderError(.unavailable, message: "Down:\tfor\nnow.", cause: "secret-cause")
            }
            let answer = try await self.zip(fixture, Self.path + "&onError=report")
            #expect(answer.headers[.contentLength] == nil)
            let archive = try ReadZip(answer.data)
            #expect(archive.names == ["a", "b", "c"].filter { $0 != name } + ["MISSING.txt"])
            let lines = archive.text("MISSING.txt")?.split(separator: "\n") ?? []
            #expect(lines.count == 2 && lines.last?.hasPrefix("UPSTREAM_UNAVAILABLE\t\(name)\tdl_") == true)
            #expect(lines.last?.hasSuffix("\tDown: for now.") == true)
        }
    }

    @Test func nothingMissingIsNoReport() async throws {
        let (fixture, _, _) = try await self.filled()
        #expect(try ReadZip(try await self.zip(fixture, "?onError=report").data).names.count == 4)
    }

    /// Half a file is in no archive, in neither mode.
    @Test(arguments: ["", "&onError=report"], ["a", "b", "c"])
    func aFileThatBreaksOffBreaksTheArchive(_ mode: String, _ name: String) async throws {
        let bodies = [
            FakeBody(.pattern(500), ending: .broken), FakeBody(.pattern(999)), FakeBody(.pattern(1001)),
        ]
        for body in bodies {
            let fixture = try await self.failing(name) { () throws(ProviderError) in
                Content(length: nil, body: body.body)
            }
            await #expect(throws: ProviderError.self) { try await self.zip(fixture, Self.path + mode) }
            let entry = try #require(try await fixture.log().last)
            #expect(entry.outcome == .upstreamCut)
        }
    }

    @Test func aFileOfAnotherSizeThanListedIsNone() async throws {
        let fixture = try await self.failing("b") { () throws(ProviderError) in
            Content(length: 999, body: FakeBody(.pattern(999)).body)
        }
        await #expect(throws: ProviderError.self) { try await self.zip(fixture, Self.path) }
        let archive = try ReadZip(try await self.zip(fixture, Self.path + "&onError=report").data)
        #expect(archive.names == ["a", "c", "MISSING.txt"])
    }

    // MARK: Rights and limits

    @Test func itHoldsOnlyWhatTheCallerMaySee() async throws {
        let (fixture, _, beta) = try await self.filled()
        let narrow = try await fixture.key(providers: [#require(ProviderID("alpha"))], sessions: ["s1"])
        let answer = try await self.zip(fixture, "?sort=filename", key: narrow)
        #expect(try ReadZip(answer.data).names == ["alpha/s1/a.txt", "alpha/s1/b.bin"])
        #expect(beta.count(.list) == 0)
        #expect(try await self.zip(fixture, key: fixture.key([.delete])).problemCode == "INSUFFICIENT_SCOPE")
    }

    @Test func itsBytesCountAndOneThatDoesNotFitIsRefusedBeforehand() async throws {
        let (fixture, alpha, _) = try await self.filled()
        let size = Int64(try await self.zip(fixture, "?sessionId=s1").data.count)
        let asked = alpha.count(.content)
        let key = try await fixture.key(limits: RateLimitPolicy(bytesPerDay: size + 5))
        #expect(try await self.zip(fixture, "?sessionId=s1", key: key).status == .ok)
        let refused = try await self.zip(fixture, "?sessionId=s1", key: key)
        #expect(refused.problemCode == "QUOTA_EXCEEDED")
        #expect(alpha.count(.content) == asked + 2)
        let answer = try await fixture.send(.get, "/v1/downloads", key: key)
        #expect(answer.headers[.rateLimit]?.contains("r=5;") == true)
    }
}
