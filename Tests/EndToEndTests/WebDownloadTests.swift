// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Simulators
import Testing

extension EndToEnd {
    /// URLs brought in by the gateway itself, over real connections into a real folder.
    @Suite struct WebDownloadTests {
        private static let json = [(name: "Content-Type", value: "application/json")]

        @Test func bringsAFileIn() async throws {
            try await EndToEndFixture.runWeb { gateway, origin in
                let file = origin.library.addFile("report.pdf", size: 3_000_000)
                let made = try await gateway.admin.create(origin.url("report.pdf"))
                #expect(made.status == 202 && made.json["status"] == "queued", "\(made.text)")
                let id = try #require(made.json["id"].text)
                #expect(made.head.value("Location") == "/v1/downloads/\(id)")
                let done = try await gateway.admin.end(of: id)
                #expect(done["status"] == "completed" && done["filename"] == "report.pdf", "\(done)")
                #expect(done["checksum"].text == file.contents.sha256 && done["size"].integer == 3_000_000)
                #expect(done["mimeType"] == "application/pdf" && done["sourceUrl"].text == origin.url("report.pdf"))
                let bytes = try await gateway.admin.get("/v1/downloads/\(id)")
                #expect(bytes.digest == file.contents.sha256 && bytes.head.value("Content-Length") == "3000000")
                let part = try await gateway.admin.get("/v1/downloads/\(id)", [(name: "Range", value: "bytes=5-14")])
                #expect(part.status == 206)
                #expect(part.body == file.contents.bytes(in: 5..<15))
                let list = try await gateway.admin.get("/v1/downloads")
                #expect(list.json["downloads"].list.map { $0["id"].text } == [id], "\(list.text)")
                #expect(try await gateway.admin.send("DELETE", "/v1/downloads/\(id)").status == 204)
                #expect(try await gateway.admin.get("/v1/downloads/\(id)").status == 404)
                #expect(try await gateway.admin.get("/v1/downloads").json["total"].integer == 0)
                #expect(gateway.keptFiles.isEmpty)
            }
        }

        @Test func sessionsAreDirectoriesAndNamesAreUnique() async throws {
            try await EndToEndFixture.runWeb { gateway, origin in
                origin.library.addFile("a.txt", size: 10)
                var names: Set<String> = []
                for _ in 0..<3 {
                    let made = try await gateway.admin.create(origin.url("a.txt"), more: #","directory":"in/box""#)
                    let done = try await gateway.admin.end(of: try #require(made.json["id"].text))
                    #expect(done["sessionId"] == "in/box", "\(done)")
                    names.insert(done["filename"].text ?? "")
                }
                #expect(names == ["a.txt", "a (2).txt", "a (3).txt"])
                let list = try await gateway.admin.get("/v1/downloads?sessionId=in%2Fbox")
                #expect(list.json["total"].integer == 3 && list.json["complete"] == true, "\(list.text)")
                let other = try await gateway.admin.get("/v1/downloads?sessionId=elsewhere")
                #expect(other.json["total"].integer == 0)
            }
        }

        @Test(arguments: [
            "..", "../x", "a/../../b", "a//b", "a\\\\..\\\\b", ".", "a/./b", "a/\u{202E}b",
        ])
        func directoriesStayInside(_ directory: String) async throws {
            try await EndToEndFixture.runWeb { gateway, origin in
                let made = try await gateway.admin.create(origin.url("x"), more: ",\"directory\":\"\(directory)\"")
                #expect(made.status == 400 && made.code == "INVALID_REQUEST", "\(made.text)")
                #expect(origin.server.requests.isEmpty)
            }
        }

        @Test(arguments: [
            ("../../etc/passwd", "passwd"), ("..", "download"), ("a/b\\c.txt", "c.txt"), ("\u{202E}gpj.exe", "gpj.exe"),
        ])
        func namesAreMadeSafe(_ name: String, _ safe: String) async throws {
            try await EndToEndFixture.runWeb { gateway, origin in
                origin.library.addFile("x", size: 10)
                let quoted = String(decoding: try JSONEncoder().encode(name), as: UTF8.self)
                let made = try await gateway.admin.create(origin.url("x"), more: ",\"filename\":\(quoted)")
                let done = try await gateway.admin.end(of: try #require(made.json["id"].text))
                #expect(done["status"] == "completed" && done["filename"].text == safe, "\(done)")
                let escaped = name.replacing("\\", with: "\\\\").addingPercentEncoding(
                    withAllowedCharacters: .alphanumerics
                )
                let url = origin.baseURL + "/named/x?as=attachment%3B%20filename%3D%22\(escaped ?? "")%22"
                let other = try await gateway.admin.create(url)
                let end = try await gateway.admin.end(of: try #require(other.json["id"].text))
                let numbered = SafeFilename.numbered(safe, 2)
                #expect(end["status"] == "completed" && end["filename"].text == numbered, "\(end)")
            }
        }

        @Test func failuresHaveTheirCodes() async throws {
            try await EndToEndFixture.runWeb { gateway, origin in
                origin.library.addFile("x", size: 100)
                let wrong = String(repeating: "0", count: 64)
                let cases = [
                    (origin.url("missing"), "", "REMOTE_FILE_NOT_FOUND"),
                    (origin.url("x"), ",\"checksum\":\"\(wrong)\"", "CHECKSUM_MISMATCH"),
                    (origin.baseURL + "/redirect?to=http%3A%2F%2F10.0.0.1%2F", "", "DOMAIN_BLOCKED"),
                    (origin.baseURL + "/redirect?to=file%3A%2F%2F%2Fetc%2Fpasswd", "", "INVALID_URL"),
                    (origin.baseURL + "/loop", "", "NETWORK_ERROR"),
                ]
                for (url, more, code) in cases {
                    let made = try await gateway.admin.create(url, more: more)
                    let id = try #require(made.json["id"].text)
                    let done = try await gateway.admin.end(of: id)
                    #expect(done["status"] == "failed" && done["error"]["code"].text == code, "\(url): \(done)")
                    let bytes = try await gateway.admin.get("/v1/downloads/\(id)")
                    #expect(bytes.status == 409 && bytes.code == "DOWNLOAD_FAILED", "\(bytes.text)")
                }
                #expect(gateway.keptFiles.isEmpty)
                #expect(try await gateway.admin.get("/v1/downloads?status=failed").json["total"].integer == 5)
                #expect(try await gateway.admin.get("/v1/downloads?status=completed").json["total"].integer == 0)
            }
        }

        @Test func cancelStopsItAndLeavesNothing() async throws {
            try await EndToEndFixture.runWeb { gateway, origin in
                origin.library.addFile("big.bin", size: 15_000_000)
                origin.server.faults.add(.stall(afterBytes: 2_000_000))
                let made = try await gateway.admin.create(origin.url("big.bin"))
                let id = try #require(made.json["id"].text)
                try await eventually("bytes") {
                    let download = try await gateway.admin.metadata(of: id)
                    return download["progress"]["receivedBytes"].integer ?? 0 > 1_000_000
                        && download["progress"]["totalBytes"].integer == 15_000_000
                }
                let early = try await gateway.admin.get("/v1/downloads/\(id)")
                #expect(early.status == 409 && early.code == "NOT_READY")
                #expect(try await gateway.admin.get("/v1/downloads?status=active").json["total"].integer == 1)
                let cancelled = try await gateway.admin.send("POST", "/v1/downloads/\(id)/cancel")
                #expect(cancelled.status == 200 && cancelled.json["status"] == "cancelled", "\(cancelled.text)")
                try await eventually("the origin's connection closes") { origin.server.openConnections == 0 }
                #expect(gateway.keptFiles.isEmpty)
                let again = try await gateway.admin.send("POST", "/v1/downloads/\(id)/cancel")
                #expect(again.status == 409 && again.code == "CONFLICT")
                #expect(try await gateway.admin.send("DELETE", "/v1/downloads/\(id)").status == 204)
                #expect(try await gateway.admin.send("DELETE", "/v1/downloads/\(id)").status == 404)
            }
        }

        @Test func deleteOfAnActiveDownloadCancelsIt() async throws {
            try await EndToEndFixture.runWeb { gateway, origin in
                origin.library.addFile("big.bin", size: 15_000_000)
                origin.server.faults.add(.stall(afterBytes: 2_000_000))
                let made = try await gateway.admin.create(origin.url("big.bin"))
                let id = try #require(made.json["id"].text)
                try await eventually("a transfer") { origin.server.openConnections == 1 }
                #expect(try await gateway.admin.send("DELETE", "/v1/downloads/\(id)").status == 204)
                try await eventually("the origin's connection closes") { origin.server.openConnections == 0 }
                #expect(try await gateway.admin.get("/v1/downloads/\(id)").status == 404)
                #expect(gateway.keptFiles.isEmpty)
            }
        }

        @Test func timeoutIsHonoured() async throws {
            try await EndToEndFixture.runWeb { gateway, origin in
                origin.library.addFile("big.bin", size: 50_000_000)
                origin.server.faults.add(.stall(afterBytes: 2_000_000))
                let made = try await gateway.admin.create(origin.url("big.bin"), more: ",\"timeout\":1")
                let done = try await gateway.admin.end(of: try #require(made.json["id"].text))
                #expect(done["error"]["code"] == "DOWNLOAD_TIMEOUT", "\(done)")
                #expect(gateway.keptFiles.isEmpty)
            }
        }

        @Test func faultsOnTheWayAreMendedFromWhereTheyHappened() async throws {
            try await EndToEndFixture.runWeb { gateway, origin in
                let file = origin.library.addFile("big.bin", size: 9_000_000)
                origin.server.faults.add(.cut(afterBytes: 2_000_000))
                origin.server.faults.add(.answer(status: 503))
                origin.server.faults.add(.reset(afterBytes: 3_000_000))
                let made = try await gateway.admin.create(origin.url("big.bin"))
                let done = try await gateway.admin.end(of: try #require(made.json["id"].text))
                #expect(done["status"] == "completed" && done["checksum"].text == file.contents.sha256, "\(done)")
                let ranges = origin.server.requests.map { $0.header("Range") }
                #expect(ranges.count == 4 && ranges.first == .some(nil))
                #expect(
                    ranges.dropFirst().allSatisfy { $0?.hasPrefix("bytes=") == true && $0 != "bytes=0-" },
                    "\(ranges)"
                )
            }
        }

        @Test func anotherFileOfTheNameIsNeverSpliced() async throws {
            try await EndToEndFixture.runWeb { gateway, origin in
                origin.library.addFile("x.bin", size: 9_000_000)
                origin.server.faults.add(.cut(afterBytes: 4_000_000))
                let made = try await gateway.admin.create(origin.url("x.bin"))
                try await eventually("the first request") { origin.server.requests.count == 1 }
                let other = origin.library.addFile("x.bin", size: 9_000_000)
                let done = try await gateway.admin.end(of: try #require(made.json["id"].text))
                #expect(done["status"] == "completed" && done["checksum"].text == other.contents.sha256, "\(done)")
            }
        }

        @Test func quotasAndCapsAreHeld() async throws {
            try await EndToEndFixture.runWeb(", bytesPerKey: 3MB, bytesTotal: 5MB") { gateway, origin in
                origin.library.addFile("two.bin", size: 2_000_000)
                let one = gateway.caller(try await gateway.key("downloads:read", "downloads:write", "downloads:delete"))
                let two = gateway.caller(try await gateway.key("downloads:read", "downloads:write"))
                func outcome(_ caller: HTTPCaller, _ folder: String) async throws -> JSONValue {
                    let made = try await caller.create(origin.url("two.bin", under: folder))
                    return try await caller.end(of: try #require(made.json["id"].text))
                }
                let first = try await outcome(one, "files")
                #expect(first["status"] == "completed")
                for folder in ["files", "plain"] {
                    #expect(try await outcome(one, folder)["error"]["code"] == "STORAGE_FULL")
                }
                #expect(try await outcome(two, "files")["status"] == "completed")
                #expect(try await outcome(gateway.admin, "files")["error"]["code"] == "STORAGE_FULL")
                let id = try #require(first["id"].text)
                #expect(try await one.send("DELETE", "/v1/downloads/\(id)").status == 204)
                #expect(try await outcome(one, "plain")["status"] == "completed")
            }
        }

        @Test func aRepeatedRequestIsKnownByItsKey() async throws {
            try await EndToEndFixture.runWeb { gateway, origin in
                origin.library.addFile("x", size: 10)
                let key = [(name: "Idempotency-Key", value: "k1")]
                let first = try await gateway.admin.create(origin.url("x"), key)
                let second = try await gateway.admin.create(origin.url("x"), key)
                #expect(first.status == 202 && second.status == 202 && first.json["id"] == second.json["id"])
                #expect(first.head.value("Idempotency-Replayed") == nil)
                #expect(second.head.value("Idempotency-Replayed") == "true")
                let other = try await gateway.admin.create(origin.url("y"), key)
                #expect(other.status == 422 && other.code == "IDEMPOTENCY_MISMATCH")
                let stranger = gateway.caller(try await gateway.key("downloads:write"))
                #expect(try await stranger.create(origin.url("x"), key).json["id"] != first.json["id"])
            }
        }

        @Test func needsTheScopeAndRefusesWhatItDoesNotKnow() async throws {
            try await EndToEndFixture.runWeb { gateway, origin in
                let reader = gateway.caller(try await gateway.key("downloads:read"))
                #expect(try await reader.create(origin.url("x")).code == "INSUFFICIENT_SCOPE")
                #expect(try await reader.send("POST", "/v1/downloads/dl_x/cancel").code == "INSUFFICIENT_SCOPE")
                for more in [
                    #","nonsense":1"#, #","timeout":0"#, #","timeout":"x""#, #","checksum":"abc""#,
                    #","provider":"none""#,
                    #","headers":{"Host":"x"}"#, #","headers":{"Range":"x"}"#, #","headers":{"a b":"x"}"#,
                    #","headers":{"A":1}"#, #","headers":[]"#, #","filename":"""#,
                ] {
                    let made = try await gateway.admin.create(origin.url("x"), more: more)
                    #expect(made.status == 400 && made.code == "INVALID_REQUEST", "\(more): \(made.text)")
                }
                let bare = try await gateway.admin.send("POST", "/v1/downloads", Self.json, body: "{}")
                #expect(bare.status == 400 && bare.text.holds("\"url\""))
            }
        }
    }
}
