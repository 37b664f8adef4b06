// SPDX-License-Identifier: Apache-2.0

public import Downloads

/// The secret text of a gateway key: `slc_`, 32 random characters, and 6 that check them.
///
/// The check is the CRC-32 (IEEE) of the 32 in base 62, so that a mistyped or invented key is refused before any look-up.
public struct GatewayKey: Hashable, Sendable {
    /// The text, as it is shown to its owner once.
    public let secret: Secret

    private static let prefix = "slc_"
    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    /// Accepts a well-formed text with the right check characters; anything else is `nil`.
    public init?(_ text: String) {
        guard text.utf8.count == 42, text.hasPrefix(Self.prefix) else { return nil }
        let rest = Array(text.utf8.dropFirst(4))
        guard rest.allSatisfy(Self.alphabet.contains), Self.check(rest.prefix(32)) == Array(rest.suffix(6)) else {
            return nil
        }
        self.secret = Secret(text)
    }

    private init(body: [UInt8]) {
        self.secret = Secret(Self.prefix + String(decoding: body + Self.check(body[...]), as: UTF8.self))
    }

    /// Makes a new key: 190 bits from `source`.
    public static func generate(using source: inout some RandomNumberGenerator) -> GatewayKey {
        GatewayKey(body: Self.randomCharacters(32, using: &source))
    }

    /// Makes a new key from the system's randomness.
    public static func generate() -> GatewayKey {
        var source = SystemRandomNumberGenerator()
        return Self.generate(using: &source)
    }

    /// A new public id: for a key `key_` and 16 characters.
    static func generateID(_ prefix: String = "key_", using source: inout some RandomNumberGenerator) -> String {
        prefix + String(decoding: Self.randomCharacters(16, using: &source), as: UTF8.self)
    }

    private static func randomCharacters(_ count: Int, using source: inout some RandomNumberGenerator) -> [UInt8] {
        (0..<count).compactMap { _ in Self.alphabet.randomElement(using: &source) }
    }

    private static func check(_ body: ArraySlice<UInt8>) -> [UInt8] {
        var rest = Self.crc32(body)
        var characters: [UInt8] = []
        for _ in 0..<6 {
            characters.append(Self.alphabet[Int(rest % 62)])
            rest /= 62
        }
        return characters.reversed()
    }

    private static func crc32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        ~bytes.reduce(~0) { crc, byte in
            (0..<8).reduce(crc ^ UInt32(byte)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
    }
}
