// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Simulators
import Testing

extension EndToEnd {
    @Suite struct RestartTests {
        private static func ids(_ gateway: EndToEndFixture, _ headers: HTTPCaller.Fields = []) async throws -> [String]
        {
            let list = try await gateway.admin.get("/v1/downloads?limit=100", headers)
            #expect(list.json["complete"] == true, "\(list.text)")
            return list.json["downloads"].list.compactMap { $0["id"].text }
        }

        /// Vendors that outlive the gateways in front of them, and a folder for the store.
        private static func withVendors(_ body: (SimulatedVendors, URL) async throws -> Void) async throws {
            let vendors = try await SimulatedVendors.start(begin: .twoHoursAgo)
            do {
                try await withTemporaryFolder { try await body(vendors, $0) }
                await vendors.stop()
            } catch {
                await vendors.stop()
                throw error
            }
        }

        @Test func idsKeysAndLogSurvive() async throws {
            try await Self.withVendors { vendors, folder in
                let settings = GatewaySettings(storage: folder)
                let (before, key) = try await EndToEndFixture.run(settings, vendors: vendors) { gateway in
                    let key = try await gateway.key("downloads:read")
                    _ = try await gateway.caller(key).get(
                        "/v1/downloads?limit=1",
                        [(name: "X-Request-Id", value: "kept")]
                    )
                    return (try await Self.ids(gateway), key)
                }
                #expect(before.count > 40)
                try await EndToEndFixture.run(settings, vendors: vendors) { gateway in
                    #expect(try await Self.ids(gateway, [(name: "Cache-Control", value: "no-cache")]) == before)
                    #expect(try await gateway.caller(key).get("/v1/downloads?limit=1").status == 200)
                    let entries = try await gateway.admin.get("/v1/logs?requestId=kept").json["logs"].list
                    #expect(entries.count == 1 && entries.first?["outcome"] == "complete")
                }
            }
        }

        @Test func catalogueSurvivesAndStandsInForStoppedVendors() async throws {
            try await Self.withVendors { vendors, folder in
                let first = GatewaySettings(storage: folder)
                let before = try await EndToEndFixture.run(first, vendors: vendors) { try await Self.ids($0) }
                // Within `freshFor` nobody is asked.
                let cached = GatewaySettings(cache: "{ freshFor: 1h }", storage: folder)
                for (_, vendor) in vendors.all { vendor.server.clearRequests() }
                try await EndToEndFixture.run(cached, vendors: vendors) { gateway in
                    let list = try await gateway.admin.get("/v1/downloads?limit=100")
                    #expect(list.json["sources"].list.allSatisfy { $0["state"] == "cached" }, "\(list.text)")
                    #expect(list.json["downloads"].list.compactMap { $0["id"].text } == before)
                }
                #expect(vendors.all.allSatisfy { $0.simulator.requests.isEmpty })
                // Later it stands in for vendors that are down.
                await vendors.stop()
                let stale = GatewaySettings(cache: "{ freshFor: 0s }", storage: folder)
                try await EndToEndFixture.run(stale, vendors: vendors) { gateway in
                    let list = try await gateway.admin.get("/v1/downloads?limit=100")
                    #expect(list.status == 200)
                    #expect(list.json["sources"].list.allSatisfy { $0["state"] == "stale" }, "\(list.text)")
                    #expect(list.json["downloads"].list.compactMap { $0["id"].text } == before)
                }
            }
        }

        @Test func deletedFileStaysAwayAndANewerOneOfItsNameDoesNot() async throws {
            try await Self.withVendors { vendors, folder in
                let settings = GatewaySettings(storage: folder)
                let library = vendors.hoody.library
                let old = try #require(library.files.first { $0.name == "orders.csv" && $0.session == "Downloads" })
                let target = "/v1/downloads?provider=hoody&sessionId=Downloads&filename=orders.csv"
                let anew = [(name: "Cache-Control", value: "no-cache")]
                try await EndToEndFixture.run(settings, vendors: vendors) { gateway in
                    let id = try await gateway.admin.get(target).json["downloads"].list.first?["id"].text
                    let deleted = try await gateway.admin.send("DELETE", "/v1/downloads/\(try #require(id))")
                    #expect(deleted.status == 204)
                }
                // The upstream shows the old file again.
                library.addFile("orders.csv", size: old.size, in: "Downloads", createdAt: old.createdAt)
                try await EndToEndFixture.run(settings, vendors: vendors) { gateway in
                    let found = try await gateway.admin.get(target, anew).json["downloads"].list
                    #expect(found.isEmpty)
                }
                library.addFile("orders.csv", size: 9, in: "Downloads", createdAt: Date(timeIntervalSinceNow: 60))
                try await EndToEndFixture.run(settings, vendors: vendors) { gateway in
                    let found = try await gateway.admin.get(target, anew).json["downloads"].list
                    #expect(found.count == 1 && found.first?["size"] == 9)
                }
            }
        }

        @Test func anotherGatewayWithTheSameSecretServesTheSameIDs() async throws {
            try await Self.withVendors { vendors, _ in
                let settings = GatewaySettings(
                    secrets: "{ key: \"\(Data(repeating: 7, count: 32).base64EncodedString())\" }"
                )
                let before = try await EndToEndFixture.run(settings, vendors: vendors) { try await Self.ids($0) }
                // An empty store: nothing was ever listed there.
                try await EndToEndFixture.run(settings, vendors: vendors) { gateway in
                    for id in before {
                        let answer = try await gateway.admin.get(
                            "/v1/downloads/\(id)",
                            [(name: "Accept", value: "application/json")]
                        )
                        #expect(answer.status == 200 && answer.json["id"] == .string(id), "\(answer.text)")
                    }
                }
                // With another secret they are forgeries.
                try await EndToEndFixture.run(vendors: vendors) { gateway in
                    let id = try #require(before.first)
                    #expect(try await gateway.admin.get("/v1/downloads/\(id)").status == 404)
                }
            }
        }

        @Test func forgedIDsAreNotFound() async throws {
            try await EndToEndFixture.run { gateway in
                let id = try #require(try await Self.ids(gateway).first)
                let last = id.hasSuffix("A") ? "B" : "A"
                let swapped = String(id.dropLast(8)) + String(id.suffix(8).reversed())
                for forged in [
                    id.dropLast(5) + last + id.suffix(4), id + "A", String(id.dropLast(1)), swapped, "dl_", "x",
                ] where forged != id {
                    #expect(try await gateway.admin.get("/v1/downloads/\(forged)").status == 404, "\(forged)")
                }
            }
        }
    }
}
