// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation

/// A public key whose kind is known before any token is verified with it.
struct PublicKeyPEM: Hashable, Sendable {
    /// What the key can be used for.
    enum Kind: Hashable, Sendable {
        case rsa(bits: Int)
        case p256
        case p384
        case p521

        /// Whether it is long enough for signatures of today, and short enough to be verified in time.
        var isStrong: Bool {
            guard case .rsa(let bits) = self else { return true }
            return (2048...16_384).contains(bits)
        }
    }

    let text: String
    let kind: Kind

    /// Accepts one SubjectPublicKeyInfo (RFC 5280, 4.1.2.7) in PEM; private keys, certificates and other kinds are `nil`.
    init?(_ text: String) {
        guard text.utf8.count <= 16_384, text.utf8.allSatisfy({ $0 < 0x80 && $0 != 0 }),
            let block = text.wholeMatch(
                of: /\s*-----BEGIN PUBLIC KEY-----([A-Za-z0-9+\/=\s]+)-----END PUBLIC KEY-----\s*/
            ),
            let der = Data(base64Encoded: String(block.1.filter { !$0.isWhitespace })),
            let kind = Self.kind(of: der)
        else { return nil }
        self.text = text
        self.kind = kind
    }

    private static func kind(of der: Data) -> Kind? {
        if (try? P256.Signing.PublicKey(derRepresentation: der)) != nil { return .p256 }
        if (try? P384.Signing.PublicKey(derRepresentation: der)) != nil { return .p384 }
        if (try? P521.Signing.PublicKey(derRepresentation: der)) != nil { return .p521 }
        return Self.rsaBits(Array(der)).map { .rsa(bits: $0) }
    }

    /// SEQUENCE { SEQUENCE { rsaEncryption, NULL }, BIT STRING { SEQUENCE { n, e } } } (RFC 3279, 2.3.1).
    private static func rsaBits(_ der: [UInt8]) -> Int? {
        let rsaEncryption: [UInt8] = [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00]
        var outer = DERReader(der[...])
        guard let info = outer.read(0x30), outer.isAtEnd else { return nil }
        var fields = DERReader(info)
        guard let algorithm = fields.read(0x30), Array(algorithm) == rsaEncryption,
            let bitString = fields.read(0x03), fields.isAtEnd, bitString.first == 0
        else { return nil }
        var wrapped = DERReader(bitString.dropFirst())
        guard let key = wrapped.read(0x30), wrapped.isAtEnd else { return nil }
        var numbers = DERReader(key)
        guard let modulus = numbers.read(0x02), let exponent = numbers.read(0x02), numbers.isAtEnd,
            modulus.first ?? 0x80 < 0x80, let top = modulus.drop(while: { $0 == 0 }).first,
            // With an exponent of 1 every text would be its own signature.
            let last = exponent.last, last & 1 == 1, Array(exponent) != [1]
        else { return nil }
        return modulus.drop { $0 == 0 }.count * 8 - top.leadingZeroBitCount
    }
}

/// Reads the elements of a DER encoding one after the other; never past its end.
private struct DERReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { self.rest = bytes }

    var isAtEnd: Bool { self.rest.isEmpty }

    /// The content of the next element, where it has `tag`.
    mutating func read(_ tag: UInt8) -> ArraySlice<UInt8>? {
        guard self.rest.popFirst() == tag, let first = self.rest.popFirst() else { return nil }
        var length = Int(first)
        if first >= 0x80 {
            let count = Int(first & 0x7F)
            guard (1...2).contains(count), self.rest.count >= count else { return nil }
            length = self.rest.prefix(count).reduce(0) { $0 << 8 | Int($1) }
            self.rest.removeFirst(count)
        }
        guard self.rest.count >= length else { return nil }
        defer { self.rest.removeFirst(length) }
        return self.rest.prefix(length)
    }
}
