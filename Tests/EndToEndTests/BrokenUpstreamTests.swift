// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Simulators
import Testing

/// A way in which an upstream fails, and what callers are told of it.
struct Breakage: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let fault: SimulatorFault
    let status: Int
    let code: String
    var upstream = GatewaySettings().upstream

    static let all = [
        Breakage(testDescription: "401", fault: .status(401), status: 502, code: "UPSTREAM_AUTH"),
        Breakage(
            testDescription: "429",
            fault: .status(429, headers: ["Retry-After": "60"]),
            status: 429,
            code: "UPSTREAM_RATE_LIMITED"
        ),
        Breakage(testDescription: "500", fault: .status(500), status: 502, code: "UPSTREAM_ERROR"),
        Breakage(testDescription: "503", fault: .status(503), status: 503, code: "UPSTREAM_UNAVAILABLE"),
        Breakage(testDescription: "HTML with 200", fault: .html, status: 502, code: "UPSTREAM_MALFORMED"),
        Breakage(testDescription: "truncated JSON", fault: .truncateJSON, status: 502, code: "UPSTREAM_MALFORMED"),
        Breakage(
            testDescription: "wrong types",
            fault: .wrongTypes(
                #"{"sessions":7,"data":"x","items":{"a":1},"machines":true,"entries":0,"downloads":false,"files":3,"history":1}"#
            ),
            status: 502,
            code: "UPSTREAM_MALFORMED"
        ),
        Breakage(testDescription: "reset", fault: .resetBeforeHead, status: 503, code: "UPSTREAM_UNAVAILABLE"),
    ]

    /// Takes its time, with every vendor alike.
    static let stall = Breakage(
        testDescription: "stall",
        fault: .stallBeforeHead,
        status: 504,
        code: "UPSTREAM_TIMEOUT",
        upstream: "{ firstByteTimeout: 500ms }"
    )
}

extension EndToEnd {
    @Suite struct BrokenUpstreamTests {
        /// One world for all breakages: its large files are hashed once, and each case clears the faults of the one before.
        private static let world = Task { try await SimulatedVendors.start(begin: .twoHoursAgo) }

        private static let anew = [(name: "Cache-Control", value: "no-cache")]

        /// The sources of a list over everything, by provider.
        private static func sources(of list: Answer) -> [String: JSONValue] {
            Dictionary(list.json["sources"].list.map { ($0["provider"].text ?? "", $0) }, uniquingKeysWith: { $1 })
        }

        private static func expectNoSecret(in gateway: EndToEndFixture) async throws {
            let entries = try await gateway.admin.get("/v1/logs?limit=1000")
            #expect(entries.status == 200 && !entries.json["logs"].list.isEmpty)
            let answers = gateway.transcript.text
            let log = gateway.log.text
            // The search itself finds what is there.
            #expect(answers.holds("requestId") && !log.isEmpty)
            for secret in SimulatedVendors.secrets + [EndToEndFixture.adminKey] {
                #expect(!answers.holds(secret), "in an answer: \(secret)")
                #expect(!log.holds(secret), "in the operator's log: \(secret)")
            }
        }

        @Test(
            arguments: SimulatedVendors.names.flatMap { name in Breakage.all.map { (name, $0) } } + [("hoody", .stall)]
        )
        func failureIsLabelledAndTheOthersAreComplete(_ name: String, _ breakage: Breakage) async throws {
            let world = try await Self.world.value
            for (_, vendor) in world.all { vendor.faults.clear() }
            try await EndToEndFixture.run(GatewaySettings(upstream: breakage.upstream), vendors: world) { gateway in
                let vendor = try gateway.vendors.simulator(name)
                let admin = gateway.admin
                vendor.faults.add(breakage.fault, times: 100_000)

                // Nothing is known of it yet: it has failed, and the five others are as they should be.
                let first = try await admin.get("/v1/downloads?limit=100")
                #expect(first.status == 200 && first.json["complete"] == false, "\(first.text)")
                for (provider, source) in Self.sources(of: first) {
                    if provider == name {
                        #expect(
                            source["state"] == "failed" && source["error"]["code"] == .string(breakage.code),
                            "\(source)"
                        )
                    } else {
                        #expect(source["state"] == "fresh" && source["error"] == .null, "\(source)")
                        #expect((source["count"].integer ?? 0) >= 7)
                    }
                }

                // A direct question is the mapped problem.
                let direct = try await admin.send("POST", "/v1/providers/\(name)/test")
                #expect(direct.status == breakage.status && direct.code == breakage.code, "\(direct.text)")
                #expect(direct.type == "application/problem+json")
                let alone = try await admin.get("/v1/downloads?provider=\(name)")
                #expect(alone.status == breakage.status && alone.code == breakage.code, "\(alone.text)")
                let wait = direct.head.value("Retry-After").flatMap(Int.init)
                // The only credential rests for as long as the upstream said.
                guard breakage.status != 429 else {
                    #expect((1...60).contains(wait ?? 0))
                    return try await Self.expectNoSecret(in: gateway)
                }

                // It recovers; and once something is known, that stands in for it.
                vendor.faults.clear()
                let well = try await admin.get("/v1/downloads?limit=100", Self.anew)
                #expect(well.json["complete"] == true, "\(well.text)")
                vendor.faults.add(breakage.fault, times: 100_000)
                let later = try await admin.get("/v1/downloads?limit=100", Self.anew)
                let source = Self.sources(of: later)[name] ?? .null
                if breakage.code == "UPSTREAM_AUTH" {
                    // Nothing stands in for a refused credential: it would be found out a day later.
                    #expect(source["state"] == "failed" && source["error"]["code"] == "UPSTREAM_AUTH", "\(source)")
                } else {
                    #expect(source["state"] == "stale", "\(source)")
                    #expect(source["count"] == Self.sources(of: well)[name]?["count"])
                    #expect(later.json["total"] == well.json["total"])
                }
                try await Self.expectNoSecret(in: gateway)
            }
        }

        @Test func aRestEndsWhenTheUpstreamSaid() async throws {
            try await EndToEndFixture.run { gateway in
                let vendor = try gateway.vendors.anchor
                vendor.faults.add(.status(429, headers: ["Retry-After": "1"]), times: 100_000)
                let target = "/v1/downloads?provider=anchor"
                #expect(try await gateway.admin.get(target).code == "UPSTREAM_RATE_LIMITED")
                vendor.faults.clear()
                try await eventually("it is asked again") { try await gateway.admin.get(target).status == 200 }
            }
        }

        /// Whose bytes, or whose links' stores, have ranges and a strong validator.
        private static let withRanges = ["notte", "vagon", "hoody"]

        @Test(arguments: Self.withRanges)
        func bodyThatBreaksGoesOnUnseen(_ name: String) async throws {
            try await EndToEndFixture.run { gateway in
                let list = try await gateway.admin.get("/v1/downloads?provider=\(name)&filename=invoice-2026-10.pdf")
                let download = try #require(list.json["downloads"].list.first)
                let id = try #require(download["id"].text)
                let library = try gateway.vendors.simulator(name).library
                let file = try #require(
                    library.files.first {
                        $0.name == "invoice-2026-10.pdf" && $0.session == download["sessionId"].text
                    }
                )
                for fault in [SimulatorFault.cut(afterBytes: 100_000), .reset(afterBytes: 100_000)] {
                    try gateway.vendors.breakBytes(of: name, fault)
                    let answer = try await gateway.admin.get("/v1/downloads/\(id)")
                    #expect(answer.status == 200 && answer.digest == file.contents.sha256)
                    try gateway.vendors.clearFaults()
                }
                #expect(gateway.log.text.contains("A download goes on where its upstream broke off."))
            }
        }

        @Test(arguments: SimulatedVendors.names.filter { !Self.withRanges.contains($0) })
        func bodyThatBreaksIsABrokenConnection(_ name: String) async throws {
            try await EndToEndFixture.run { gateway in
                let list = try await gateway.admin.get("/v1/downloads?provider=\(name)&filename=invoice-2026-10.pdf")
                let id = try #require(list.json["downloads"].list.first?["id"].text)
                try gateway.vendors.breakBytes(of: name, .cut(afterBytes: 100_000))
                let exchange = try await gateway.admin.open(
                    "GET",
                    "/v1/downloads/\(id)",
                    [(name: "X-Request-Id", value: "cut")]
                )
                #expect(exchange.head.status == 200)
                #expect(exchange.head.value("Content-Length") == "184320")
                do {
                    _ = try await exchange.rest()
                    Issue.record("a body that broke upstream ended cleanly")
                } catch let error as Exchange.BrokenOff {
                    #expect(error.received <= 100_000)
                }
                await exchange.close()
                try await eventually("a log entry of the cut") {
                    let entries = try await gateway.admin.get("/v1/logs?requestId=cut").json["logs"].list
                    return entries.first?["outcome"] == "upstreamCut"
                }
                #expect(try await gateway.admin.get("/healthz").status == 200)
            }
        }

        @Test(arguments: SimulatedVendors.names)
        func bodyOfAnotherLengthIsRefusedBeforeItsFirstByte(_ name: String) async throws {
            try await EndToEndFixture.run { gateway in
                let list = try await gateway.admin.get("/v1/downloads?provider=\(name)&filename=invoice-2026-10.pdf")
                let id = try #require(list.json["downloads"].list.first?["id"].text)
                for fault in [SimulatorFault.shorten(byBytes: 1), .lengthen(byBytes: 1)] {
                    try gateway.vendors.breakBytes(of: name, fault)
                    let answer = try await gateway.admin.get("/v1/downloads/\(id)")
                    #expect(answer.status == 502 && answer.code == "UPSTREAM_MALFORMED", "\(fault): \(answer.status)")
                    try gateway.vendors.clearFaults()
                }
            }
        }

        @Test(arguments: SimulatedVendors.names)
        func stoppedVendorIsUnavailable(_ name: String) async throws {
            try await EndToEndFixture.run { gateway in
                let list = try await gateway.admin.get("/v1/downloads?provider=\(name)&filename=invoice-2026-10.pdf")
                let id = try #require(list.json["downloads"].list.first?["id"].text)
                await (try gateway.vendors.simulator(name)).stop()
                let bytes = try await gateway.admin.get("/v1/downloads/\(id)")
                #expect(bytes.status == 503 && bytes.code == "UPSTREAM_UNAVAILABLE", "\(bytes.text)")
                let direct = try await gateway.admin.send("POST", "/v1/providers/\(name)/test")
                #expect(direct.status == 503 && direct.code == "UPSTREAM_UNAVAILABLE", "\(direct.text)")
                let all = try await gateway.admin.get("/v1/downloads?limit=100", Self.anew)
                #expect(all.status == 200)
                for (provider, source) in Self.sources(of: all) where provider != name {
                    #expect(source["state"] == "fresh", "\(source)")
                }
                let own = Self.sources(of: all)[name] ?? .null
                #expect(own["state"] == "stale" && (own["count"].integer ?? 0) >= 7, "\(own)")
                let provider = try await gateway.admin.get("/v1/providers/\(name)")
                #expect(["degraded", "down"].contains(provider.json["state"].text ?? ""))
            }
        }
    }
}
