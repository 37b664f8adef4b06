// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import NIOConcurrencyHelpers
import NIOCore

/// A part of an upload, once it is put.
final class SimulatedPart: Sendable {
    private let put = NIOLockedValueBox<(bytes: ByteBuffer, etag: String)?>(nil)

    /// What was put last, and its `ETag`.
    var content: (bytes: ByteBuffer, etag: String)? { self.put.withLockedValue { $0 } }

    /// Takes bytes; answers their `ETag`.
    func put(_ bytes: ByteBuffer) -> String {
        let etag = bytes.withUnsafeReadableBytes { "\"\(Insecure.MD5.hash(data: $0).hex)\"" }
        self.put.withLockedValue { $0 = (bytes, etag) }
        return etag
    }
}

/// An object store behind presigned links, as S3 is: a link is the whole right, works so often and so long, and a request
/// that brings any other credential is refused.
final class SignedLinks: Sendable {
    enum Object: Sendable {
        case file(SimulatedFile)
        case zip([StoredZip.Entry])
        /// A place for bytes.
        case part(SimulatedPart)
    }

    private struct Link {
        var object: Object
        var usesLeft: Int
        var expiresAt: Date
    }

    private static let refusedHeaders = [
        "Authorization", "anchor-api-key", "X-BB-API-Key", "x-notte-api-key", "Cookie",
    ]

    private let links = NIOLockedValueBox<[String: Link]>([:])
    private let random: NIOLockedValueBox<UInt64>
    private let uses: Int
    private let lifetime: TimeInterval
    private let supportsRange: Bool
    private let now: SimulatorClock

    init(uses: Int, lifetime: TimeInterval = 600, supportsRange: Bool = true, now: @escaping SimulatorClock) {
        self.uses = uses
        self.lifetime = lifetime
        self.supportsRange = supportsRange
        self.now = now
        self.random = NIOLockedValueBox(0x5167_6E65_64)
    }

    /// A new link below `base`.
    func make(_ object: Object, below base: String) -> String {
        let words = self.random.withLockedValue { state in (0..<5).map { _ in splitMix(&state) } }
        let hex = words.map { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }.hex }
        let path = "/bucket/\(hex[0])"
        let query =
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=\(Int(self.lifetime))&X-Amz-Signature=\(hex[1...].joined())"
        // S3 takes a part as often as it comes.
        let uses = if case .part = object { Int.max } else { self.uses }
        let link = Link(object: object, usesLeft: uses, expiresAt: self.now().addingTimeInterval(self.lifetime))
        self.links.withLockedValue { $0["\(path)?\(query)"] = link }
        return "\(base)\(path)?\(query)"
    }

    func answer(_ request: SimulatedRequest) -> SimulatedResponse {
        for name in Self.refusedHeaders where request.header(name) != nil {
            return Self.refuse(400, "InvalidArgument", "Only one auth mechanism allowed; \(name) was sent as well.")
        }
        let now = self.now()
        let object: Object? = self.links.withLockedValue { links in
            let name = "\(request.path)?\(request.rawQuery)"
            guard var link = links[name], link.usesLeft > 0, link.expiresAt > now else { return nil }
            link.usesLeft -= 1
            links[name] = link
            return link.object
        }
        let method = request.method == "HEAD" ? "GET" : request.method
        let isPart = if case .part = object { true } else { false }
        guard object == nil || method == (isPart ? "PUT" : "GET") else {
            return Self.refuse(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
        }
        switch object {
        case .none:
            return Self.refuse(403, "AccessDenied", "Request has expired")
        case .part(let part):
            guard request.header("Content-Length") != nil else {
                return Self.refuse(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
            }
            return SimulatedResponse(200, headers: ["ETag": part.put(request.body)])
        case .file(let file):
            return self.supportsRange ? .ranged(file, for: request) : .file(file)
        case .zip(let entries):
            return SimulatedResponse(
                200,
                headers: ["Content-Type": "application/zip"],
                body: StoredZip(entries: entries).body
            )
        }
    }

    private static func refuse(_ status: Int, _ code: String, _ message: String) -> SimulatedResponse {
        let xml =
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>\(code)</Code><Message>\(message)</Message></Error>"
        return .text(xml, status: status, type: "application/xml")
    }
}
