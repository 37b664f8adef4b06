// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Simulators
import Testing

/// Bodies that the system moves from the upstream's socket into the client's.
extension EndToEnd {
    @Suite struct RelayedDownloadTests {
        private static let size: Int64 = 3_000_001

        /// The gateway, a file of the vendor's whose digest was measured, and its path.
        private static func run(_ body: (EndToEndFixture, SimulatedFile, String) async throws -> Void) async throws {
            try await EndToEndFixture.run { gateway in
                let library = try gateway.vendors.simulator("hoody").library
                let session = try #require(library.files.first { $0.role == .download && $0.session != nil }?.session)
                let file = library.addFile("relayed.bin", size: Self.size, in: session, createdAt: .twoHoursAgo)
                let list = try await gateway.admin.get("/v1/downloads?provider=hoody&filename=relayed.bin")
                let path =
                    "/v1/downloads/\(try #require(list.json["downloads"].list.first?["id"].text, "\(list.text)"))"
                #expect(try await gateway.admin.get(path).digest == file.contents.sha256)
                #expect(try await gateway.relayedBodies() == 0)
                try await body(gateway, file, path)
            }
        }

        private static func entry(_ requestID: String, _ gateway: EndToEndFixture) async throws -> JSONValue {
            var found: JSONValue?
            try await eventually("a log entry of \(requestID)") {
                found = try await gateway.admin.get("/v1/logs?requestId=\(requestID)").json["logs"].list.first
                return found != nil
            }
            return found ?? .null
        }

        @Test func aConnectionGoesOnAfterARelayedBody() async throws {
            try await Self.run { gateway, file, path in
                let connection = try await WireConnection.open(port: gateway.admin.port)
                let bearer = "Host: x\r\nAuthorization: Bearer \(EndToEndFixture.adminKey)\r\n"
                // All at once: what comes next on the connection waits for its turn.
                let whole = "GET \(path) HTTP/1.1\r\n\(bearer)\r\n"
                let part = "GET \(path) HTTP/1.1\r\n\(bearer)Range: bytes=1000000-2999999\r\n\r\n"
                let last = "GET \(path) HTTP/1.1\r\n\(bearer)Range: bytes=0-3\r\nConnection: close\r\n\r\n"
                try await connection.send(ByteBuffer(string: whole + part + whole + last))
                var rest = ByteBuffer()
                while let bytes = await connection.receive() { rest.writeImmutableBuffer(bytes) }
                let all = file.contents.bytes(in: 0..<Self.size)
                for range in [0..<Self.size, 1_000_000..<3_000_000, 0..<Self.size, 0..<4] {
                    let end = try #require(rest.readableBytesView.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound)
                    let head = rest.readString(length: end - rest.readerIndex) ?? ""
                    #expect(head.contains("Content-Length: \(range.count)\r\n"), "\(head)")
                    let body = rest.readSlice(length: range.count)
                    #expect(body == all.getSlice(at: Int(range.lowerBound), length: range.count))
                }
                #expect(rest.readableBytes == 0)
                await connection.close()
                try await eventually("all are counted") { try await gateway.relayedBodies() == 3 }
            }
        }

        @Test func aClientThatLeavesWithItsLastByteHasHadAll() async throws {
            try await Self.run { gateway, file, path in
                for number in 0..<20 {
                    let fields = [(name: "X-Request-Id", value: "all-\(number)")]
                    let exchange = try await gateway.admin.open("GET", path, fields)
                    while exchange.received < Int(Self.size) { _ = try #require(try await exchange.next()) }
                    await exchange.close()
                    let entry = try await Self.entry("all-\(number)", gateway)
                    #expect(entry["outcome"] == "complete" && entry["bytesOut"] == .integer(Self.size), "\(entry)")
                }
                #expect(try await gateway.relayedBodies() == 20)
            }
        }

        @Test func whatIsCountedIsWhatTheClientGot() async throws {
            try await Self.run { gateway, _, path in
                let hoody = try gateway.vendors.simulator("hoody")
                // It breaks off, and then there is another file.
                try gateway.vendors.breakBytes(of: "hoody", .cut(afterBytes: 2_000_000), times: 1)
                try gateway.vendors.breakBytes(of: "hoody", .status(404), times: 100)
                let exchange = try await gateway.admin.open("GET", path, [(name: "X-Request-Id", value: "cut")])
                do {
                    _ = try await exchange.rest()
                    Issue.record("a body that broke upstream ended cleanly")
                } catch let error as Exchange.BrokenOff {
                    #expect(error.received > 1_000_000 && error.received <= 2_000_000)
                    let entry = try await Self.entry("cut", gateway)
                    #expect(entry["outcome"] == "upstreamCut", "\(entry)")
                    #expect(entry["bytesOut"] == .integer(Int64(error.received)), "\(entry)")
                }
                await exchange.close()
                hoody.faults.clear()
            }
        }

        @Test(arguments: [SimulatorFault.cut(afterBytes: 2_000_000), .reset(afterBytes: 2_000_000)])
        func aRelayedBodyGoesOnWhereItsUpstreamBrokeOff(_ fault: SimulatorFault) async throws {
            try await Self.run { gateway, file, path in
                try gateway.vendors.breakBytes(of: "hoody", fault, times: 1)
                let answer = try await gateway.admin.get(path)
                #expect(answer.status == 200 && answer.digest == file.contents.sha256)
                #expect(gateway.log.text.contains("A download goes on where its upstream broke off."))
                #expect(try await gateway.relayedBodies() > 0)
            }
        }

        @Test func aClientThatClosesItsSideAndReadsNothingIsLetGoOf() async throws {
            try await Self.run { gateway, file, _ in
                let hoody = try gateway.vendors.simulator("hoody")
                hoody.library.addFile("large.bin", size: 200 << 20, in: file.session, createdAt: .twoHoursAgo)
                let anew = [(name: "Cache-Control", value: "no-cache")]
                let list = try await gateway.admin.get("/v1/downloads?provider=hoody&filename=large.bin", anew)
                let id = try #require(list.json["downloads"].list.first?["id"].text, "\(list.text)")
                let connection = try await WireConnection.open(port: gateway.admin.port)
                let fields = "Host: x\r\nAuthorization: Bearer \(EndToEndFixture.adminKey)\r\nRange: bytes=1-\r\n"
                try await connection.send(ByteBuffer(string: "GET /v1/downloads/\(id) HTTP/1.1\r\n\(fields)\r\n"))
                let isAsked = { hoody.requests.last { $0.path.hasSuffix("/large.bin") }?.pushedBytes ?? 0 > 0 }
                try await eventually("bytes of the upstream") { isAsked() }
                try await connection.closeOutput()
                try await eventually("the end of the upstream's transfer") {
                    hoody.requests.last { $0.path.hasSuffix("/large.bin") }?.end == .peerLeft
                }
                await connection.close()
            }
        }
    }
}
