// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import NIOCore
import Testing

@testable import Gateway

/// A body that is no JSON is the file itself.
@Suite struct UploadTests {
    private static let target = "/v1/downloads?provider=web&directory=box&filename=a.pdf"

    private static func head(_ more: String, target: String = Self.target) -> String {
        "POST \(target) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(GatewayFixture.adminKey)\r\n"
            + "Content-Type: application/pdf\r\n\(more)\r\n"
    }

    private static func upload(
        _ jobs: JobFixture,
        _ target: String = Self.target,
        key: String = GatewayFixture.adminKey,
        type: String? = "application/pdf",
        headers: HTTPFields = [:]
    ) async throws -> Answer {
        var headers = headers
        headers[.contentType] = type
        return try await jobs.gateway.send(.post, target, key: key, headers: headers, body: "the bytes")
    }

    @Test func aFileIsPutInAndListed() async throws {
        try await JobFixture.run { jobs in
            let answer = try await Self.upload(jobs)
            let made = try answer.json(expecting: .created)
            let id = try #require(made["id"].text)
            #expect(answer.headers[.location] == "/v1/downloads/\(id)")
            #expect(made["status"] == "completed" && made["filename"] == "a.pdf" && made["sessionId"] == "box")
            #expect(jobs.provider.uploads.first?.request.mimeType == "application/pdf")
            #expect(jobs.provider.bytes(named: "a.pdf") == Data("the bytes".utf8))
            let list = try await jobs.gateway.json("/v1/downloads")
            #expect(list["downloads"].items.map { $0["id"].text } == [id])
            #expect(try await jobs.gateway.send(.get, "/v1/downloads/\(id)").text == "the bytes")
        }
    }

    @Test func whatCannotBeIsRefusedBeforeTheBodyIsRead() async throws {
        try await JobFixture.run(others: [try FakeProvider("src")]) { jobs in
            jobs.provider.add("taken.pdf", in: "box")
            let reader = try await jobs.gateway.key([.read])
            let narrow = try await jobs.gateway.key([.write], sessions: ["s1"])
            let cases: [(String, key: String, type: String?, code: String)] = [
                ("/v1/downloads", GatewayFixture.adminKey, "application/pdf", "UNSUPPORTED_MEDIA_TYPE"),
                ("/v1/downloads", GatewayFixture.adminKey, nil, "UNSUPPORTED_MEDIA_TYPE"),
                ("/v1/downloads?provider=web", GatewayFixture.adminKey, nil, "INVALID_REQUEST"),
                ("/v1/downloads?provider=no&filename=a", GatewayFixture.adminKey, nil, "INVALID_REQUEST"),
                (Self.target + "&overwrite=yes", GatewayFixture.adminKey, nil, "INVALID_REQUEST"),
                (Self.target + "&size=3", GatewayFixture.adminKey, nil, "INVALID_REQUEST"),
                ("/v1/downloads?provider=src&filename=a", GatewayFixture.adminKey, nil, "NOT_SUPPORTED"),
                (Self.target.replacing("a.pdf", with: "taken.pdf"), GatewayFixture.adminKey, nil, "CONFLICT"),
                (Self.target, reader, nil, "INSUFFICIENT_SCOPE"),
                (Self.target, narrow, nil, "DOWNLOAD_FORBIDDEN"),
            ]
            for (target, key, type, code) in cases {
                let answer = try await Self.upload(jobs, target, key: key, type: type)
                #expect(answer.problemCode == code, "\(target) \(answer.text)")
            }
            let key = try #require(HTTPField.Name("Idempotency-Key"))
            let repeated = try await Self.upload(jobs, headers: [key: "k"])
            #expect(repeated.problemFields == ["Idempotency-Key"])
            #expect(jobs.provider.count(.upload) == 0)
            let over = try await Self.upload(
                jobs,
                Self.target.replacing("a.pdf", with: "taken.pdf") + "&overwrite=true"
            )
            #expect(over.status == .created)
        }
    }

    @Test func aFileThatTookAnothersPlaceIsNotTakenForIt() async throws {
        try await JobFixture.run { jobs in
            let provider = jobs.provider
            let path = jobs.gateway.path(of: provider.add("a.pdf", in: "box", bytes: Data("old".utf8)))
            #expect(try await jobs.gateway.json(path)["size"] == 3)
            provider.script {
                $0.upload = { _, _, _ throws(ProviderError) in
                    provider.add("a.pdf", in: "box", bytes: Data("the bytes".utf8))
                }
            }
            let answer = try await Self.upload(jobs, Self.target + "&overwrite=true")
            #expect(answer.status == .created)
            let now = try await jobs.gateway.json(path)
            #expect(now["size"] == 9)
        }
    }

    @Test func aClientThatAsksFirstIsToldToGoOnOrNotAtAll() async throws {
        try await JobFixture.run { jobs in
            jobs.provider.add("taken.pdf", in: "box")
            try await jobs.gateway.live { port in
                let asks = "Content-Length: 9\r\nExpect: 100-continue\r\n"
                let refused = try await RawClient.exchange(
                    port,
                    Self.head(asks, target: Self.target.replacing("a.pdf", with: "taken.pdf"))
                )
                #expect(refused.status == 409 && refused.values("Connection") == ["close"] && refused.isWhole)
                let client = try await RawClient.connect(port)
                try await client.send(Self.head(asks))
                try await eventually("it may go on") { client.answer.isHeadComplete }
                #expect(client.answer.head == "HTTP/1.1 100 Continue")
                try await client.send("the bytes")
                try await eventually("it is answered") { RawAnswer(client.answer.body).isWhole }
                #expect(RawAnswer(client.answer.body).status == 201)
                await client.close()
                #expect(jobs.provider.bytes(named: "a.pdf") == Data("the bytes".utf8))
            }
        }
    }

    @Test func aBodyInChunksIsMeasuredWhereItMustBe() async throws {
        for needsSize in [false, true] {
            try await JobFixture.run(script: { $0.needsSize = needsSize }) { jobs in
                try await jobs.gateway.live { port in
                    let chunks = "4\r\nthe \r\n5\r\nbytes\r\n0\r\n\r\n"
                    let head = Self.head("Transfer-Encoding: chunked\r\nConnection: close\r\n")
                    let answer = try await RawClient.exchange(port, head + chunks)
                    #expect(answer.status == 201)
                    #expect(jobs.provider.bytes(named: "a.pdf") == Data("the bytes".utf8))
                }
            }
        }
    }

    @Test func aClientThatLeavesHalfWayLeavesNothing() async throws {
        try await JobFixture.run { jobs in
            try await jobs.gateway.live { port in
                let client = try await RawClient.connect(port)
                try await client.send(Self.head("Content-Length: 1000\r\n") + "the ")
                try await eventually("it is under way") { jobs.provider.count(.upload) == 1 }
                let running = try await jobs.gateway.json("/v1/downloads")
                #expect(running["downloads"][0]["status"] == "downloading")
                try await client.reset()
                try await eventually("its rest is removed") { jobs.provider.count(.abandon) == 1 }
                try await eventually("it is forgotten") {
                    try await jobs.gateway.json("/v1/downloads")["total"].integer == 0
                }
                #expect(jobs.provider.bytes(named: "a.pdf") == nil)
            }
        }
    }

    @Test func whatTheProviderRefusesIsToldAndForgotten() async throws {
        let full = DownloadFailure(code: .storageFull, message: "There is no room.")
        let error = ProviderError(.failed(full), message: full.message)
        try await JobFixture.run(script: { $0.failures[.upload] = error }) { jobs in
            let answer = try await Self.upload(jobs)
            #expect(answer.problemCode == "DOWNLOAD_FAILED" && answer.text.contains("STORAGE_FULL"))
            #expect(jobs.provider.count(.abandon) == 1)
            #expect(try await jobs.gateway.json("/v1/downloads")["total"].integer == 0)
        }
    }

    @Test func whatACrashLeftIsRemovedAtTheNextStart() async throws {
        try await JobFixture.run { jobs in
            let gateway = jobs.gateway.gateway
            await gateway.jobs.stop()
            let job = Job(
                id: UUID(),
                caller: "admin",
                provider: jobs.provider.id,
                session: nil,
                host: "",
                createdAt: jobs.gateway.time.now,
                sourceURL: nil,
                name: "a.pdf",
                status: .downloading
            )
            let request = JobRequest.upload(UploadRequest(filename: "a.pdf"), timeout: .seconds(60))
            _ = try await gateway.jobs.table.insert(job, request, nil, mostOpen: 10)
            try await gateway.jobs.start(copyingFrom: gateway.library)
            try await eventually("it is given up") { try await gateway.jobs.table.job(job.id)?.status == .failed }
            #expect(try await gateway.jobs.table.job(job.id)?.failure?.code == .incomplete)
            #expect(jobs.provider.count(.abandon) == 1 && jobs.provider.count(.upload) == 0)
        }
    }
}
