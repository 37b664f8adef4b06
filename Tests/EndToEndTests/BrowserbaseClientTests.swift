// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Simulators
import Testing

/// A program that was written for Browserbase's downloads API, after the samples in the vendor's documentation.
///
/// It knows a base URL and a key, and nothing of a gateway.
private struct BrowserbaseProgram {
    let baseURL: String
    let apiKey: String

    struct Found: Equatable {
        let filename: String
        let mimeType: String?
        let size: Int64?
        let checksum: String?
        let sessionId: String?
        let createdAt: String?
    }

    private var api: HTTPCaller {
        HTTPCaller(baseURL: self.baseURL, headers: [(name: "x-bb-api-key", value: self.apiKey)])
    }

    /// `requests.get(".../v1/downloads", params=…, headers={"x-bb-api-key": API_KEY}).json()`, by name.
    func list(_ parameters: [String: String]) async throws -> (found: [Found], ids: [String], total: Int64?) {
        var query = URLComponents()
        query.queryItems = parameters.sorted { $0.key < $1.key }.map { URLQueryItem(name: $0.key, value: $0.value) }
        let answer = try await self.api.get("/v1/downloads?\(query.percentEncodedQuery ?? "")")
        #expect(answer.status == 200, "\(answer.text)")
        let downloads = answer.json["downloads"].list.sorted {
            ($0["filename"].text ?? "") < ($1["filename"].text ?? "")
        }
        return (downloads.map(Self.found), downloads.compactMap { $0["id"].text }, answer.json["total"].integer)
    }

    /// `headers={"x-bb-api-key": API_KEY, "Accept": "application/json"}`.
    func metadata(_ id: String) async throws -> Found {
        let answer = try await self.api.get("/v1/downloads/\(id)", [(name: "Accept", value: "application/json")])
        #expect(answer.status == 200)
        return Self.found(answer.json)
    }

    /// The sample names `application/octet-stream`; the vendor's text says that no `Accept` means the same.
    func content(_ id: String, accept: String?) async throws -> (status: Int, digest: String, count: Int) {
        let answer = try await self.api.get("/v1/downloads/\(id)", accept.map { [(name: "Accept", value: $0)] } ?? [])
        return (answer.status, answer.digest, answer.body.readableBytes)
    }

    /// `requests.delete(...).status_code`.
    func delete(_ id: String) async throws -> Int { try await self.api.send("DELETE", "/v1/downloads/\(id)").status }

    private static func found(_ json: JSONValue) -> Found {
        Found(
            filename: json["filename"].text ?? "",
            mimeType: json["mimeType"].text,
            size: json["size"].integer,
            checksum: json["checksum"].text,
            sessionId: json["sessionId"].text,
            createdAt: json["createdAt"].text
        )
    }
}

extension EndToEnd {
    @Suite struct BrowserbaseClientTests {
        /// What the program prints, against the vendor or against us.
        private struct Results: Equatable {
            var all: [BrowserbaseProgram.Found]
            var total: Int64?
            var filtered: [BrowserbaseProgram.Found]
            var metadata: [BrowserbaseProgram.Found] = []
            var digests: [String] = []
            var counts: [Int] = []
            var afterDelete: [BrowserbaseProgram.Found] = []
        }

        private static func results(
            _ program: BrowserbaseProgram,
            session: String,
            after: String
        ) async throws -> Results {
            let (all, ids, total) = try await program.list(["sessionId": session])
            let filtered = try await program.list([
                "sessionId": session, "mimeType": "application/pdf", "minSize": "1024", "createdAfter": after,
                "limit": "10",
            ])
            var results = Results(all: all, total: total, filtered: filtered.found)
            for id in ids {
                results.metadata.append(try await program.metadata(id))
                for accept in ["application/octet-stream", nil] {
                    let content = try await program.content(id, accept: accept)
                    #expect(content.status == 200)
                    results.digests.append(content.digest)
                    results.counts.append(content.count)
                }
            }
            let gone = try #require(ids.first)
            #expect(try await program.delete(gone) == 204)
            #expect(try await program.delete(gone) == 404)
            results.afterDelete = try await program.list(["sessionId": session]).found
            return results
        }

        /// As Python's `isoformat()` writes it: microseconds, and no offset.
        private static func isoformat(_ date: Date) -> String {
            String(RFC3339.format(date).prefix(19)) + ".000001"
        }

        @Test func sameCodeRunsAgainstTheVendorAndAgainstTheGateway() async throws {
            let begin = Date.twoHoursAgo
            // The same seed twice: what one program deletes, the other still finds.
            let twin = try await BrowserbaseSimulator.start(library: .demo(kind: "browserbase", begin: begin))
            let vendors = try await SimulatedVendors.start(begin: begin)
            let library = twin.library
            let session = try #require(library.sessions.last?.id)
            let files = library.files(in: session)
            #expect(files.count >= 4)
            let after = Self.isoformat(files[0].createdAt.addingTimeInterval(-1))
            let theirs = try await Self.results(
                BrowserbaseProgram(baseURL: twin.baseURL, apiKey: BrowserbaseSimulator.apiKey),
                session: session,
                after: after
            )
            let ours = try await EndToEndFixture.run(vendors: vendors) { gateway in
                let key = try await gateway.key("downloads:read", "downloads:delete")
                let program = BrowserbaseProgram(baseURL: gateway.baseURL, apiKey: key)
                return try await Self.results(program, session: session, after: after)
            }
            #expect(ours == theirs)
            // Nothing of this is empty by mistake.
            #expect(theirs.all.count == files.count && theirs.total == Int64(files.count))
            #expect(!theirs.filtered.isEmpty && theirs.filtered.count < theirs.all.count)
            #expect(theirs.digests.first == theirs.all.first?.checksum)
            #expect(theirs.afterDelete.count == files.count - 1)
            await vendors.stop()
            await twin.stop()
        }

        @Test func timesWithoutOffsetAreInclusiveOnBothSides() async throws {
            try await EndToEndFixture.run { gateway in
                let library = try gateway.vendors.browserbase.library
                let session = try #require(library.sessions.last?.id)
                let newest = try #require(library.files(in: session).map(\.createdAt).max())
                let text = String(RFC3339.format(newest).dropLast())
                let programs = [
                    BrowserbaseProgram(
                        baseURL: try gateway.vendors.browserbase.baseURL,
                        apiKey: BrowserbaseSimulator.apiKey
                    ),
                    BrowserbaseProgram(baseURL: gateway.baseURL, apiKey: try await gateway.key("downloads:read")),
                ]
                for program in programs {
                    let found = try await program.list(["sessionId": session, "createdAfter": text])
                    #expect(found.found.count == 1)
                }
            }
        }
    }
}
