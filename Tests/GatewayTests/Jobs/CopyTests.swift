// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import NIOCore
import Testing

@testable import Gateway

@Suite struct CopyTests {
    /// A provider that holds `a.txt` in `s1`, and a gateway into whose `web` it may be copied.
    private static func run(
        policy: JobPolicy = JobPolicy(),
        target: Capabilities = JobFixture.creating,
        source: Capabilities = Capabilities(listsSessions: true, ranges: true, delete: true),
        script: @escaping (inout FakeProvider.Script) -> Void = { _ in },
        change: (inout Download) -> Void = { _ in },
        size: Int64?? = nil,
        _ body: (_ jobs: JobFixture, _ source: FakeProvider, _ id: String) async throws -> Void
    ) async throws {
        let provider = try FakeProvider("src", source)
        let file = provider.add("a.txt", bytes: .pattern(100_000), change: change, size: size)
        try await JobFixture.run(policy: policy, target, others: [provider], script: script) { jobs in
            try await body(jobs, provider, jobs.gateway.id(of: file))
        }
    }

    private static func copy(
        _ jobs: JobFixture,
        _ id: String,
        _ more: String = "",
        key: String = GatewayFixture.adminKey,
        headers: HTTPFields = [:]
    ) async throws -> Answer {
        try await jobs.post(
            "/v1/downloads",
            #"{"from":"\#(id)","provider":"web"\#(more)}"#,
            key: key,
            headers: headers
        )
    }

    @Test func aCopyIsQueuedMadeAndListed() async throws {
        try await Self.run { jobs, _, id in
            let answer = try await Self.copy(jobs, id, #","directory":"box""#)
            let copy = try #require(try answer.json(expecting: .accepted)["id"].text)
            #expect(answer.headers[.location] == "/v1/downloads/\(copy)" && copy != id)
            let done = try await jobs.wait(for: "completed", of: copy)
            #expect(done["filename"] == "a.txt" && done["sessionId"] == "box" && done["sourceUrl"] == .null)
            #expect(jobs.provider.bytes(named: "a.txt") == .pattern(100_000))
            let list = try await jobs.gateway.json("/v1/downloads?provider=web")
            #expect(list["downloads"].items.map { $0["id"].text } == [copy])
            let bytes = try await jobs.gateway.send(.get, "/v1/downloads/\(copy)").data
            #expect(bytes == .pattern(100_000))
        }
    }

    @Test func aProviderThatBringsNothingInByItselfHasItsCopiesListed() async throws {
        let gate = Gate()
        let target = Capabilities(listsSessions: true, listsRoot: true, delete: true, upload: true)
        try await Self.run(target: target, script: { $0.gates[.upload] = gate }) { jobs, _, id in
            let copy = try #require(try await Self.copy(jobs, id).json(expecting: .accepted)["id"].text)
            try await jobs.wait(for: "downloading", of: copy)
            let running = try await jobs.gateway.json("/v1/downloads?provider=web")
            #expect(running["downloads"].items.map { $0["id"].text } == [copy])
            gate.open()
            try await jobs.wait(for: "completed", of: copy)
            let list = try await jobs.gateway.json("/v1/downloads?provider=web", headers: [.cacheControl: "no-cache"])
            #expect(list["downloads"].items.map { $0["id"].text } == [copy])
        }
    }

    @Test func uploadsThatNoListShowsStayListedByTheirJobs() async throws {
        let target = Capabilities(listsSessions: true, listsRoot: true, upload: true, listsUploads: false)
        try await Self.run(target: target) { jobs, _, id in
            let copy = try #require(try await Self.copy(jobs, id).json(expecting: .accepted)["id"].text)
            try await jobs.wait(for: "completed", of: copy)
            jobs.gateway.time.advance(60)
            jobs.provider.script { $0.listings[nil] = [] }
            let list = try await jobs.gateway.json("/v1/downloads?provider=web", headers: [.cacheControl: "no-cache"])
            #expect(list["downloads"].items.map { $0["id"].text } == [copy])
        }
    }

    @Test func aNameThatIsTakenIsAConflictAtOnce() async throws {
        try await Self.run { jobs, _, id in
            let other = jobs.provider.add("a.txt", in: nil)
            #expect(try await Self.copy(jobs, id).problemCode == "CONFLICT")
            #expect(jobs.provider.count(.upload) == 0)
            let onto = try await Self.copy(jobs, jobs.gateway.id(of: other), #","overwrite":true"#)
            #expect(onto.problemCode == "CONFLICT" && onto.text.contains("itself"))
            let answer = try await Self.copy(jobs, id, #","overwrite":true,"filename":"a.txt""#)
            let copy = try #require(try answer.json(expecting: .accepted)["id"].text)
            try await jobs.wait(for: "completed", of: copy)
            #expect(jobs.provider.uploads.first?.request.overwrites == true)
        }
    }

    @Test func aNameThatIsTakenMeanwhileFailsTheCopy() async throws {
        try await Self.run(script: { $0.failures[.upload] = .nameTaken }) { jobs, _, id in
            let copy = try #require(try await Self.copy(jobs, id).json(expecting: .accepted)["id"].text)
            let failed = try await jobs.wait(for: "failed", of: copy)
            #expect(failed["error"]["code"] == "CONFLICT")
            #expect(jobs.provider.count(.abandon) == 1)
        }
    }

    @Test func aReplayIsAnsweredWithoutAskingAnybody() async throws {
        try await Self.run { jobs, source, id in
            let headers: HTTPFields = [try #require(HTTPField.Name("Idempotency-Key")): "k1"]
            let first = try await Self.copy(jobs, id, headers: headers).json(expecting: .accepted)["id"].text
            try await jobs.wait(for: "completed", of: try #require(first))
            source.script { $0.failures[.download] = .notFound() }
            let again = try await Self.copy(jobs, id, headers: headers)
            #expect(again.status == .accepted)
            let second = try again.json(expecting: .accepted)["id"].text
            #expect(second == first && jobs.provider.count(.upload) == 1)
            let other = try await Self.copy(jobs, id, #","filename":"b.txt""#, headers: headers)
            #expect(other.problemCode == "IDEMPOTENCY_MISMATCH")
        }
    }

    @Test func aNarrowedKeyNeedsBothEnds() async throws {
        try await Self.run { jobs, source, id in
            let gateway = jobs.gateway
            let reader = try await gateway.key([.read])
            #expect(try await Self.copy(jobs, id, key: reader).problemCode == "INSUFFICIENT_SCOPE")
            let blind = try await gateway.key([.write], providers: [jobs.provider.id])
            #expect(try await Self.copy(jobs, id, key: blind).problemCode == "NOT_FOUND")
            let bound = try await gateway.key([.write], providers: [source.id])
            #expect(try await Self.copy(jobs, id, key: bound).problemCode == "INVALID_REQUEST")
            let narrow = try await gateway.key([.write], sessions: ["s1"])
            let elsewhere = try await Self.copy(jobs, id, #","directory":"box""#, key: narrow)
            #expect(elsewhere.problemCode == "DOWNLOAD_FORBIDDEN")
            #expect(try await Self.copy(jobs, id, #","directory":"s1""#, key: narrow).status == .accepted)
        }
    }

    @Test func whatCannotBeCopiedIsRefusedAtOnce() async throws {
        let gate = Gate()
        try await Self.run(script: { $0.gates[.create] = gate }) { jobs, _, id in
            let unknown = try await Self.copy(jobs, "dl_none")
            #expect(unknown.problemCode == "NOT_FOUND")
            let queued = try await jobs.create("c.txt")
            #expect(try await Self.copy(jobs, queued).problemCode == "NOT_READY")
            let target = try await jobs.post("/v1/downloads", #"{"from":"\#(id)","provider":"src"}"#)
            #expect(target.problemCode == "NOT_SUPPORTED")
            let fields = try await jobs.post("/v1/downloads", #"{"from":1,"overwrite":"yes","url":"x"}"#)
            #expect(Set(fields.problemFields) == ["from", "overwrite", "provider", "url"])
            gate.open()
        }
    }

    @Test func bytesThatAreNotTheListedFileAreAChecksumMismatch() async throws {
        try await Self.run(change: { $0.checksum = String(repeating: "0", count: 64) }) { jobs, _, id in
            let copy = try #require(try await Self.copy(jobs, id).json(expecting: .accepted)["id"].text)
            let failed = try await jobs.wait(for: "failed", of: copy)
            #expect(failed["error"]["code"] == "CHECKSUM_MISMATCH")
            #expect(jobs.provider.count(.upload) == 1 && jobs.provider.count(.abandon) == 1)
            #expect(jobs.provider.bytes(named: "a.txt") == nil)
        }
    }

    @Test func aLengthThatNobodyKnowsIsMeasuredFirstWhereItIsNeeded() async throws {
        try await Self.run(script: { $0.needsSize = true }, size: .some(nil)) { jobs, source, id in
            source.script { $0.content = { _, _ in Content(length: nil, body: FakeBody(.pattern(100_000)).body) } }
            let copy = try #require(try await Self.copy(jobs, id).json(expecting: .accepted)["id"].text)
            try await jobs.wait(for: "completed", of: copy)
            #expect(jobs.provider.bytes(named: "a.txt") == .pattern(100_000))
            let left = try FileManager.default.contentsOfDirectory(atPath: jobs.gateway.stored.store.directory)
            #expect(!left.contains { $0.hasPrefix("spool") })
        }
    }

    @Test func whatIsKeptForItsLengthIsBounded() async throws {
        var policy = JobPolicy()
        policy.mostSpooled = 99_999
        try await Self.run(policy: policy, script: { $0.needsSize = true }, size: .some(nil)) { jobs, source, id in
            source.script { $0.content = { _, _ in Content(length: nil, body: FakeBody(.pattern(100_000)).body) } }
            let copy = try #require(try await Self.copy(jobs, id).json(expecting: .accepted)["id"].text)
            let failed = try await jobs.wait(for: "failed", of: copy)
            #expect(failed["error"]["code"] == "TOO_LARGE")
            #expect(jobs.provider.count(.upload) == 0)
        }
    }

    @Test func aLaterTryGoesOnWithWhatWasKeptAndAnyOffset() async throws {
        let web = try #require(ProviderID("web"))
        try await Self.run(script: { script in
            script.upload = { work, source, report throws(ProviderError) in
                guard let kept = work.checkpoint else {
                    await report.keep(Data("secret-link".utf8), nil)
                    throw ProviderError(.unavailable, retry: .now, message: "It broke.")
                }
                guard kept == Data("secret-link".utf8) else { throw .notFound() }
                var rest = try await source.open(99_990).makeAsyncIterator()
                let bytes = try await rest.next()
                guard bytes.map({ Data($0.readableBytesView) }) == Data.pattern(100_000)[99_990...] else {
                    throw .notFound("Other bytes.")
                }
                var end = try await source.open(100_000).makeAsyncIterator()
                guard try await end.next() == nil else { throw .notFound("More bytes.") }
                let reference = DownloadReference(provider: web, session: nil, item: "x")
                return Download(reference: reference, name: "a.txt", size: 100_000)
            }
        }) { jobs, _, id in
            jobs.provider.add("kept.txt", in: nil, item: "x")
            let copy = try #require(try await Self.copy(jobs, id).json(expecting: .accepted)["id"].text)
            try await jobs.wait(for: "completed", of: copy)
            #expect(jobs.provider.uploads.count == 2)
        }
    }

    @Test func whatIsKeptIsSealed() async throws {
        let gate = Gate()
        try await Self.run(script: { script in
            script.upload = { _, _, report throws(ProviderError) in
                await report.keep(Data("secret-link".utf8), nil)
                do { try await gate.wait() } catch { throw .cancelled }
                throw .notFound()
            }
        }) { jobs, _, id in
            let copy = try #require(try await Self.copy(jobs, id).json(expecting: .accepted)["id"].text)
            let store = jobs.gateway.stored.store
            try await eventually("it is kept") { try await store.read { try JobTable.sealedValues($0).count } == 2 }
            let values = try await store.read { try JobTable.sealedValues($0) }
            #expect(values.allSatisfy { $0.sealed.range(of: Data("secret".utf8)) == nil })
            gate.open()
            try await jobs.wait(for: "failed", of: copy)
        }
    }

    @Test func whatGrowsUnderItsOwnNameIsNotListedAsWhole() async throws {
        let gate = Gate()
        var growing = JobFixture.creating
        growing.namesAreIdentity = true
        try await Self.run(target: growing, script: { $0.gates[.upload] = gate }) { jobs, _, id in
            let copy = try #require(try await Self.copy(jobs, id).json(expecting: .accepted)["id"].text)
            try await jobs.wait(for: "downloading", of: copy)
            jobs.provider.add("a.txt", in: nil, bytes: Data("a pa".utf8))
            jobs.provider.add("other.txt", in: nil)
            let list = try await jobs.gateway.json("/v1/downloads?provider=web", headers: [.cacheControl: "no-cache"])
            let states = Dictionary(
                uniqueKeysWithValues: list["downloads"].items.map { ($0["filename"].text, $0["status"].text) }
            )
            #expect(states == ["a.txt": "downloading", "other.txt": "completed"])
            gate.open()
        }
    }

    @Test func aCopyIsCancelledAndItsRestRemoved() async throws {
        let gate = Gate()
        try await Self.run(script: { $0.gates[.upload] = gate }) { jobs, _, id in
            let copy = try #require(try await Self.copy(jobs, id).json(expecting: .accepted)["id"].text)
            try await jobs.wait(for: "downloading", of: copy)
            let answer = try await jobs.post("/v1/downloads/\(copy)/cancel", nil)
            #expect(try answer.json(expecting: .ok)["status"] == "cancelled")
            #expect(jobs.provider.count(.abandon) == 1 && jobs.provider.bytes(named: "a.txt") == nil)
        }
    }
}
