// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

/// `GET` and `HEAD /v1/downloads/{id}`: what is answered, and with which head.
@Suite struct ContentTests {
    private let bytes = Data.pattern(1000)

    private func fixture(
        _ name: String = "report.pdf",
        _ capabilities: Capabilities = FakeProvider.everything,
        change: (inout Download) -> Void = { _ in }
    ) async throws -> (GatewayFixture, FakeProvider, String) {
        let provider = try FakeProvider("alpha", capabilities)
        let download = provider.add(name, bytes: self.bytes, change: change)
        let fixture = try await GatewayFixture([provider])
        return (fixture, provider, fixture.path(of: download))
    }

    // MARK: Negotiation

    @Test(
        arguments: [
            (nil, "application/pdf"), ("*/*", "application/pdf"), ("application/pdf", "application/pdf"),
            ("application/*", "application/pdf"), ("application/octet-stream", "application/octet-stream"),
            ("application/json", "application/json"), ("application/json;q=0.5, */*;q=0.1", "application/json"),
            ("application/octet-stream;q=0.5, application/json;q=0.4", "application/octet-stream"),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/pdf"),
            ("application/json;q=0, */*", "application/pdf"),
            ("application/octet-stream;q=0, application/pdf", "application/pdf"),
            ("application/pdf, application/octet-stream;q=0.1", "application/pdf"),
        ] as [(String?, String)]
    )
    func answersWhatIsAccepted(_ accept: String?, _ type: String) async throws {
        let (fixture, _, path) = try await self.fixture()
        var headers: HTTPFields = [:]
        headers[.accept] = accept
        let answer = try await fixture.send(.get, path, headers: headers)
        #expect(answer.status == .ok)
        #expect(answer.headers[.contentType] == type)
        #expect(answer.headers[.vary] == "Accept")
        if type == "application/json" {
            #expect(try answer.json(expecting: .ok)["filename"] == "report.pdf")
        } else {
            #expect(answer.data == self.bytes)
        }
    }

    @Test(arguments: ["text/html", "image/*", "application/pdf;q=0", "application/json;q=0", "nonsense"])
    func refusesWhatThereIsNotAndListsWhatThereIs(_ accept: String) async throws {
        let (fixture, provider, path) = try await self.fixture()
        let refused = accept.hasPrefix("application/") ? accept + ", text/html" : accept
        let answer = try await fixture.send(.get, path, headers: [.accept: refused])
        #expect(answer.status == .notAcceptable)
        #expect(answer.problemCode == "NOT_ACCEPTABLE")
        #expect(answer.headers[.vary] == "Accept")
        for type in ["application/pdf", "application/octet-stream", "application/json"] {
            #expect(answer.text.contains(type))
        }
        #expect(provider.count(.content) == 0)
    }

    @Test func theTypeIsOneThatWasAccepted() async throws {
        let (fixture, _, path) = try await self.fixture("table.csv")
        let answer = try await fixture.send(.get, path, headers: [.accept: "application/*, application/json;q=0.1"])
        #expect(answer.headers[.contentType] == "application/octet-stream")
    }

    @Test func aFileThatIsAskedForAnewIsAskedForOnce() async throws {
        let (fixture, provider, path) = try await self.fixture()
        let headers: HTTPFields = [.accept: "application/json", .cacheControl: "no-cache"]
        #expect(try await fixture.send(.get, path, headers: headers).status == .ok)
        #expect(provider.count(.download) == 1)
    }

    @Test func aFileThatIsItselfJSONIsBytesUnlessJSONIsNamed() async throws {
        let (fixture, _, path) = try await self.fixture("data.json")
        let file = try await fixture.send(.get, path)
        #expect(file.data == self.bytes)
        // Its own type is told, or octet-stream; but never is the metadata taken for the file.
        #expect(file.headers[.eTag] != nil)
        let any = try await fixture.send(.get, path, headers: [.accept: "*/*"])
        #expect(any.data == self.bytes)
        let metadata = try await fixture.send(.get, path, headers: [.accept: "application/json"])
        #expect(try metadata.json(expecting: .ok)["filename"] == "data.json")
        #expect(metadata.headers[.eTag] == nil)
    }

    @Test func aFileOfUnknownTypeIsAnOctetStream() async throws {
        let (fixture, _, path) = try await self.fixture("mystery")
        let answer = try await fixture.send(.get, path)
        #expect(answer.headers[.contentType] == "application/octet-stream")
        #expect(answer.headers[.xContentTypeOptions] == "nosniff")
    }

    @Test func refusesQueryParameters() async throws {
        let (fixture, _, path) = try await self.fixture()
        #expect(try await fixture.send(.get, path + "?accept=json").problemFields == ["accept"])
        #expect(try await fixture.send(.delete, path + "?force=1").problemFields == ["force"])
    }

    // MARK: The head

    @Test func aFileComesWithEverythingThatIsKnownOfIt() async throws {
        let digest = Data(SHA256.hash(data: self.bytes))
        let (fixture, provider, path) = try await self.fixture("Bericht \"März\" 50%.pdf") { download in
            download.checksum = digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            download.completedAt = Date(timeIntervalSince1970: 1_795_227_840)
        }
        let answer = try await fixture.send(.get, path)
        #expect(answer.status == .ok)
        #expect(answer.data == self.bytes)
        #expect(answer.headers[.contentType] == "application/pdf")
        #expect(answer.headers[.acceptRanges] == "bytes")
        #expect(answer.headers[.xContentTypeOptions] == "nosniff")
        #expect(answer.headers[.cacheControl] == "private, no-cache")
        #expect(answer.headers[.vary] == "Accept")
        #expect(answer.headers[.lastModified] == "Sat, 21 Nov 2026 02:24:00 GMT")
        #expect(answer.headers[.reprDigest] == "sha-256=:\(digest.base64EncodedString()):")
        let name = "Bericht%20%22M%C3%A4rz%22%2050%25.pdf"
        #expect(
            answer.headers[.contentDisposition]
                == "attachment; filename=\"Bericht _M_rz_ 50_.pdf\"; filename*=UTF-8''\(name)"
        )
        let etag = try #require(answer.headers[.eTag])
        #expect(etag.hasPrefix("\"") && etag.hasSuffix("\"") && etag.count > 10)
        let head = try await fixture.send(.head, path)
        #expect(head.status == .ok)
        #expect(head.headers[.contentLength] == "1000")
        for field in [
            HTTPField.Name.contentType, .acceptRanges, .xContentTypeOptions, .cacheControl, .vary, .lastModified, .eTag,
            .reprDigest, .contentDisposition,
        ] { #expect(head.headers[field] == answer.headers[field]) }
        #expect(head.data.isEmpty)
        #expect(provider.count(.content) == 1)
    }

    @Test func headAsksTheUpstreamOnlyForWhatIsNotKnown() async throws {
        let (fixture, provider, path) = try await self.fixture()
        _ = try await fixture.send(.head, path)
        #expect(provider.count(.download) == 1)
        fixture.time.advance(3600)
        #expect(try await fixture.send(.head, path).status == .ok)
        #expect(provider.count(.download) == 1)
        #expect(provider.count(.content) == 0)
        #expect(provider.count(.list) == 0)
    }

    @Test func headOfAFileOfUnknownSizeClaimsNoLength() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x", size: .some(nil))
        let fixture = try await GatewayFixture([provider])
        let answer = try await fixture.send(.head, fixture.path(of: download))
        #expect(answer.status == .ok)
        #expect(answer.headers[.contentLength] == nil)
    }

    @Test func aFileOfNoBytesIsWhole() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("empty.txt", bytes: Data())
        let fixture = try await GatewayFixture([provider])
        let answer = try await fixture.send(.get, fixture.path(of: download))
        #expect(answer.status == .ok)
        #expect(answer.data.isEmpty)
        let range = try await fixture.send(.get, fixture.path(of: download), headers: [.range: "bytes=0-"])
        #expect(range.status == .rangeNotSatisfiable)
        #expect(range.headers[.contentRange] == "bytes */0")
    }

    // MARK: The entity tag

    @Test func theTagStaysWhenADigestIsLearned() async throws {
        let (fixture, provider, path) = try await self.fixture()
        let before = try await fixture.send(.head, path).headers[.eTag]
        let known = try await provider.download(.init(provider: provider.id, session: "s1", item: "report.pdf"))
        var learned = known
        learned.checksum = String(repeating: "ab", count: 32)
        provider.put(learned, self.bytes)
        let answer = try await fixture.send(.head, path, headers: [.cacheControl: "no-cache"])
        #expect(answer.headers[.reprDigest] != nil)
        #expect(answer.headers[.eTag] == before)
    }

    @Test func aNewerFileOfTheNameHasTheSameIDAndAnotherTag() async throws {
        let (fixture, provider, path) = try await self.fixture(
            "x.txt",
            .init(listsSessions: true, namesAreIdentity: true)
        )
        let before = try await fixture.send(.get, path)
        provider.add("x.txt", bytes: Data("newer".utf8), createdAt: Date(timeIntervalSince1970: 1_791_000_000))
        fixture.time.advance(31)
        let after = try await fixture.send(.get, path)
        #expect(after.data == Data("newer".utf8))
        #expect(after.headers[.eTag] != before.headers[.eTag])
        let etag = try #require(before.headers[.eTag])
        #expect(try await fixture.send(.get, path, headers: [.ifMatch: etag]).status == .preconditionFailed)
    }

    @Test func twoFilesHaveTwoTags() async throws {
        let provider = try FakeProvider("alpha")
        let downloads = ["a", "b"].map { provider.add($0) }
        let fixture = try await GatewayFixture([provider])
        let tags = [
            try await fixture.send(.head, fixture.path(of: downloads[0])).headers[.eTag],
            try await fixture.send(.head, fixture.path(of: downloads[1])).headers[.eTag],
        ]
        #expect(tags[0] != tags[1])
    }

    // MARK: Conditions

    @Test func whoHasTheFileIsToldSoWithoutBytes() async throws {
        let (fixture, provider, path) = try await self.fixture()
        let etag = try #require(try await fixture.send(.head, path).headers[.eTag])
        for method in [HTTPRequest.Method.get, .head] {
            let answer = try await fixture.send(method, path, headers: [.ifNoneMatch: "\"other\", \(etag)"])
            #expect(answer.status == .notModified)
            #expect(answer.headers[.eTag] == etag)
            #expect(answer.headers[.vary] == "Accept")
            #expect(answer.headers[.contentType] == nil)
            #expect(answer.data.isEmpty)
        }
        let dated = try await fixture.send(
            .get,
            path,
            headers: [.ifModifiedSince: "Mon, 21 Sep 2026 14:13:20 GMT"]
        )
        #expect(dated.status == .notModified)
        #expect(provider.count(.content) == 0)
        #expect(try await fixture.send(.get, path, headers: [.ifNoneMatch: "\"other\""]).status == .ok)
    }

    @Test func aConditionThatFailsIs412() async throws {
        let (fixture, provider, path) = try await self.fixture()
        let answer = try await fixture.send(.get, path, headers: [.ifMatch: "\"other\""])
        #expect(answer.status == .preconditionFailed)
        #expect(answer.problemCode == "PRECONDITION_FAILED")
        let late = try await fixture.send(.get, path, headers: [.ifUnmodifiedSince: "Sun, 06 Nov 1994 08:49:37 GMT"])
        #expect(late.status == .preconditionFailed)
        #expect(provider.count(.content) == 0)
    }

    // MARK: Not there

    @Test(arguments: [DownloadStatus.queued, .downloading])
    func whatHasNotArrivedIsNotReady(_ status: DownloadStatus) async throws {
        let (fixture, provider, path) = try await self.fixture { $0.status = status }
        let answer = try await fixture.send(.get, path)
        #expect(answer.status == .conflict)
        #expect(answer.problemCode == "NOT_READY")
        #expect(answer.headers[.retryAfter].flatMap { Int($0) } ?? 0 > 0)
        #expect(provider.count(.content) == 0)
        // The metadata says how far it is, asked anew each time.
        let metadata = try await fixture.json(path)
        #expect(metadata["status"].text == status.rawValue)
        let asked = provider.count(.download)
        _ = try await fixture.json(path)
        #expect(provider.count(.download) > asked)
    }

    @Test func whatFailedSaysWhy() async throws {
        let failure = DownloadFailure(code: .remoteFileNotFound, message: "The file was not there.")
        let (fixture, _, path) = try await self.fixture { download in
            download.status = .failed
            download.failure = failure
        }
        let answer = try await fixture.send(.get, path)
        #expect(answer.status == .conflict)
        #expect(answer.problemCode == "DOWNLOAD_FAILED")
        #expect(answer.text.contains("REMOTE_FILE_NOT_FOUND"))
        #expect(answer.text.contains("The file was not there."))
        let metadata = try await fixture.json(path)
        #expect(metadata["error"]["code"] == "REMOTE_FILE_NOT_FOUND")
    }

    @Test func whatWasCancelledHasNoBytes() async throws {
        let (fixture, _, path) = try await self.fixture { $0.status = .cancelled }
        let answer = try await fixture.send(.get, path)
        #expect(answer.status == .conflict)
        #expect(answer.problemCode == "CONFLICT")
    }

    @Test func aFileThatIsGoneUpstreamIs404() async throws {
        let (fixture, provider, path) = try await self.fixture()
        #expect(try await fixture.send(.get, path).status == .ok)
        provider.remove(.init(provider: provider.id, session: "s1", item: "report.pdf"))
        let answer = try await fixture.send(.get, path)
        #expect(answer.status == .notFound)
        #expect(answer.problemCode == "NOT_FOUND")
        #expect(try await fixture.send(.head, path).status == .notFound)
    }
}
