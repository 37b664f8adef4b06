// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Logging
import ServiceLifecycle
import Testing

@testable import Gateway

/// TLS at the door, and what HTTP/2 clients can do that no other can.
@Suite struct TLSTests {
    private static let health = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    /// The types of GOAWAY and PING.
    private static let (goAway, ping): (UInt8, UInt8) = (0x7, 0x6)

    private func fixture(
        _ certificate: TestCertificate,
        _ configure: @escaping (inout Gateway.Configuration) -> Void = { _ in }
    ) async throws -> GatewayFixture {
        try await GatewayFixture([]) {
            $0.server.tls = certificate.files
            configure(&$0)
        }
    }

    private func expectAlive(_ port: Int, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let client = try await RawClient.connect(port, offering: ["http/1.1"])
        try await client.send(Self.health)
        #expect(try await client.answerToEnd().status == 200, sourceLocation: sourceLocation)
    }

    @Test func whatSpeaksHTTP1IsAnswered() async throws {
        let certificate = try TestCertificate()
        let fixture = try await self.fixture(certificate)
        try await fixture.live { port in
            try await self.expectAlive(port)
            let client = try await RawClient.connect(port, offering: [])
            try await client.send(Self.health)
            #expect(try await client.answerToEnd().status == 200)
            #expect(fixture.gateway.counts.snapshot.refusals.isEmpty)
        }
    }

    @Test func whatSpeaksHTTP2IsAnswered() async throws {
        let certificate = try TestCertificate()
        let fixture = try await self.fixture(certificate) { $0.server.drainTimeout = 60 }
        try await fixture.live { port, server in
            let client = try await RawClient.connect(port, offering: ["h2"])
            try await client.send(HTTP2Frames.preface + HTTP2Frames.get(stream: 1) + HTTP2Frames.get(stream: 3))
            try await eventually("both answers are there") {
                // HEADERS, and DATA with the body.
                let types = HTTP2Frames.types(in: Array(client.answer.bytes))
                return types.count { $0 == 0x1 } == 2 && types.count { $0 == 0x0 } >= 2
            }
            // A stop is told, and ends the connection once the client has seen it, long before it would be cut.
            await server.triggerGracefulShutdown()
            try await eventually("the stop is told") {
                HTTP2Frames.types(in: Array(client.answer.bytes)).suffix(2) == [Self.goAway, Self.ping]
            }
            try await client.send(HTTP2Frames.acknowledgements(ofPingsIn: Array(client.answer.bytes)))
            _ = try await client.answerToEnd()
        }
    }

    @Test func whatIsNoTLSIsCountedAndClosed() async throws {
        let certificate = try TestCertificate()
        let fixture = try await self.fixture(certificate) { $0.server.headerTimeout = 1.5 }
        try await fixture.live { port in
            let plain = try await RawClient.exchange(port, Self.health)
            #expect(plain.status == nil)
            let silent = try await RawClient.connect(port)
            #expect(try await silent.answerToEnd().bytes.isEmpty)
            try await eventually("both are counted") {
                fixture.gateway.counts.snapshot.refusals == [.handshake: 2]
            }
            try await self.expectAlive(port)
        }
    }

    /// HTTP/2 rapid reset, CVE-2023-44487: requests that are taken back as soon as they are made.
    @Test func rapidResetCVE_2023_44487_endsTheConnection() async throws {
        let certificate = try TestCertificate()
        let fixture = try await self.fixture(certificate)
        try await fixture.live { port in
            let client = try await RawClient.connect(port, offering: ["h2"])
            try await client.send(HTTP2Frames.preface)
            for batch in 0..<20 where !client.isClosed {
                let streams = (0..<50).map { UInt32(batch * 100 + $0 * 2 + 1) }
                try? await client.send(streams.flatMap { HTTP2Frames.get(stream: $0) + HTTP2Frames.reset(stream: $0) })
            }
            let end = try await client.answerToEnd()
            #expect(HTTP2Frames.types(in: Array(end.bytes)).contains(Self.goAway))
            #expect(fixture.gateway.counts.snapshot.refusals[.brokenHTTP2] != nil)
            try await self.expectAlive(port)
        }
    }

    /// HTTP/2 CONTINUATION flood, CVE-2024-27316: a head that never ends.
    @Test func continuationFloodCVE_2024_27316_endsTheConnection() async throws {
        let certificate = try TestCertificate()
        let fixture = try await self.fixture(certificate)
        try await fixture.live { port in
            let client = try await RawClient.connect(port, offering: ["h2"])
            try await client.send(HTTP2Frames.preface + HTTP2Frames.openHead(stream: 1))
            for _ in 0..<1000 where !client.isClosed { try? await client.send(HTTP2Frames.continuation(stream: 1)) }
            _ = try await client.answerToEnd()
            #expect(fixture.gateway.counts.snapshot.requests == 0)
            try await self.expectAlive(port)
        }
    }

    /// CVE-2019-9512 (pings), CVE-2019-9515 (settings), CVE-2019-9518 (frames without a byte), CVE-2025-8671 (MadeYouReset: errors that
    /// make the server reset), CVE-2022-0618 (a priority that is not there).
    @Test(arguments: ["9512", "9515", "9518", "8671", "0618"])
    func http2CVE_2019_9512_floodsEndTheConnection(_ incident: String) async throws {
        let certificate = try TestCertificate()
        let fixture = try await self.fixture(certificate)
        try await fixture.live { port in
            let client = try await RawClient.connect(port, offering: ["h2"])
            try await client.send(HTTP2Frames.preface + (incident == "9518" ? HTTP2Frames.post(stream: 1) : []))
            for number in 0..<1000 where !client.isClosed {
                let stream = UInt32(number * 2 + 1)
                let frames: [UInt8] =
                    switch incident {
                    case "9512": HTTP2Frames.ping
                    case "9515": HTTP2Frames.settings
                    case "9518": HTTP2Frames.emptyData(stream: 1)
                    case "8671": HTTP2Frames.post(stream: stream) + HTTP2Frames.emptyWindow(stream: stream)
                    default: HTTP2Frames.missingPriority(stream: stream)
                    }
                try? await client.send(frames)
            }
            _ = try await client.answerToEnd()
            try await eventually("nothing is under way") { fixture.gateway.counts.snapshot.requests == 0 }
            try await self.expectAlive(port)
        }
    }

    /// swift-nio-http2 CVE-2026-28898: a line break in `:path` became one of HTTP/1.
    @Test func http2CVE_2026_28898_lineBreaksInTargetsAreRefused() async throws {
        let certificate = try TestCertificate()
        let fixture = try await self.fixture(certificate)
        try await fixture.live { port in
            let client = try await RawClient.connect(port, offering: ["h2"])
            let evil = HTTP2Frames.get(stream: 1, target: "/healthz\r\nX-Evil: 1")
            try await client.send(HTTP2Frames.preface + evil + HTTP2Frames.get(stream: 3))
            try await eventually("it is refused or closed") {
                // RST_STREAM or GOAWAY; or an answer, which the log then has.
                let types = HTTP2Frames.types(in: Array(client.answer.bytes))
                return client.isClosed || types.contains(0x3) || types.contains(Self.goAway) || types.contains(0x1)
            }
            #expect(try await !fixture.log().contains { $0.path.contains("\n") && $0.status < 400 })
            await client.close()
            try await self.expectAlive(port)
        }
    }

    // MARK: Renewal

    @Test func aRenewedCertificateIsTakenAndABrokenOneIsNot() throws {
        let certificate = try TestCertificate()
        let identity = try TLSIdentity(
            certificate.files,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let first = identity.current
        try certificate.renew()
        identity.reload()
        let second = identity.current
        #expect(first !== second)
        try Data("no certificate".utf8).write(to: URL(fileURLWithPath: certificate.files.certificate))
        identity.reload()
        #expect(identity.current === second)
        #expect(TLSIdentity.problem(with: certificate.files)?.contains(certificate.files.certificate) == true)
    }

    @Test func aKeyOfAnotherCertificateIsRefused() throws {
        let (one, other) = (try TestCertificate(), try TestCertificate())
        let mixed = TLSFiles(certificate: one.files.certificate, privateKey: other.files.privateKey)
        #expect(TLSIdentity.problem(with: one.files) == nil)
        #expect(TLSIdentity.problem(with: mixed)?.contains("do not go together") == true)
    }
}
