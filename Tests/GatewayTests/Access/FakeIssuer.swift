// SPDX-License-Identifier: Apache-2.0

import CryptoExtras
import Downloads
import Foundation
import Logging
import Synchronization

@testable import Gateway

/// An issuer that publishes what a test says, when the test lets it; with the time that its keys age by.
final class FakeIssuer: Sendable {
    static let url = "https://id.example.com/jwks.json"

    let time = TestTime()
    /// Answers wait here.
    let door = Gate(isOpen: true)
    /// Opened, all patience is over.
    let timer = Gate()
    private let settings: JWTIssuer
    private let documents = Mutex<[String: String]>([:])
    private let questions = Mutex<[String]>([])
    private let lines = Mutex<[String]>([])

    init(_ algorithms: [JWTAlgorithm] = [.es256], at location: JWKSetLocation = .url(FakeIssuer.url)) {
        self.settings = JWTForge.issuer(algorithms, .keySet(location))
    }

    /// The URLs that it was asked for, in order.
    var asked: [String] { self.questions.withLock { $0 } }
    /// What the operator was warned of.
    var warnings: [String] { self.lines.withLock { $0 } }

    /// What it answers from now on; `nil`: it is down.
    func publish(_ document: String?, at url: String = FakeIssuer.url) {
        self.documents.withLock { $0[url] = document }
    }

    /// A verifier that asks this issuer, and believes `others` besides.
    func verifier(and others: [JWTIssuer] = []) throws -> JWTVerifier {
        let (start, origin) = (self.time.now, ContinuousClock.now)
        return try JWTVerifier(
            [self.settings] + others,
            fetch: KeyFetch { url, _ throws(JWKSetError) in try await self.answer(url) },
            logger: Logger(label: "test") { _ in Lines(issuer: self) },
            instant: { origin.advanced(by: .seconds(self.time.now.timeIntervalSince(start))) },
            sleep: { _ in try await self.timer.wait() }
        )
    }

    private func answer(_ url: String) async throws(JWKSetError) -> [UInt8] {
        self.questions.withLock { $0.append(url) }
        do { try await self.door.wait() } catch { throw JWKSetError("given up") }
        guard let document = self.documents.withLock({ $0[url] }) else { throw JWKSetError("down") }
        return Array(document.utf8)
    }

    private struct Lines: LogHandler {
        let issuer: FakeIssuer
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.warning

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            self.issuer.lines.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
        }
    }
}

extension FakeIssuer {
    /// A JWKS of these keys.
    static func set(_ keys: String...) -> String { #"{"keys":[\#(keys.joined(separator: ","))]}"# }

    /// The JWK of a public RSA key.
    static func jwk(rsa pem: String, id: String?) throws -> String {
        let numbers = try _RSA.Signing.PublicKey(unsafePEMRepresentation: pem).getKeyPrimitives()
        let name = id.map { #","kid":"\#($0)""# } ?? ""
        let (n, e) = (Base64URL.encode(numbers.modulus), Base64URL.encode(numbers.publicExponent))
        return #"{"kty":"RSA","n":"\#(n)","e":"\#(e)"\#(name)}"#
    }
}
