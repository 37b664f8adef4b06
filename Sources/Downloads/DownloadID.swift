// SPDX-License-Identifier: Apache-2.0

public import Crypto
public import Foundation

/// Makes public ids from references and references from ids: `dl_` and base64url.
///
/// An id carries the reference itself, authenticated by a truncated HMAC-SHA-256, so that it works with an empty cache and
/// on another replica, and a forged one is refused before anything is looked up. Laid out as: version (1 byte), the
/// first 4 bytes of the provider name's SHA-256, container, item, tag (8 bytes). UUIDs take 17 bytes instead of 37.
public struct DownloadID: Sendable {
    /// What an id says.
    public enum Target: Hashable, Sendable {
        /// The whole reference.
        case reference(DownloadReference)
        /// A reference too long for an id: the SHA-256 of it, to be found in the catalogue or in the provider's list.
        case digest(provider: ProviderID, Data)
    }

    /// Has taken in the key: what is authenticated with a copy of it saves that.
    private let authenticator: HMAC<SHA256>
    private let providers: [Data: ProviderID]

    /// Longest id that is made or read, in characters.
    public static let longest = 512

    private static let tagBytes = 8
    private static let providerBytes = 4

    /// Ids for `providers`, authenticated with a key that is derived from `secret` for this purpose alone.
    public init(secret: SymmetricKey, providers: [ProviderID]) {
        let key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: secret,
            info: Data("sluice download id v1".utf8),
            outputByteCount: 32
        )
        self.authenticator = HMAC<SHA256>(key: key)
        self.providers = Dictionary(providers.map { (Self.short($0), $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The id of `reference`; the same reference always has the same id.
    public func id(for reference: DownloadReference) -> String {
        var body = Data([1]) + Self.short(reference.provider)
        body += Self.pack(reference.session) + Self.pack(reference.item)
        if body.count + Self.tagBytes > (Self.longest - 3) / 4 * 3 {
            body = Data([2]) + Self.short(reference.provider) + Self.digest(of: reference)
        }
        return "dl_" + Base64URL.encode(body + self.tag(of: body))
    }

    /// What `id` says; `nil` for one that this key did not make, or for a provider that is not configured.
    public func target(of id: String) -> Target? {
        guard id.hasPrefix("dl_"), id.utf8.count <= Self.longest,
            let sealed = Base64URL.decode(id.utf8.dropFirst(3)), sealed.count > Self.tagBytes + 1 + Self.providerBytes
        else { return nil }
        let body = Data(sealed.dropLast(Self.tagBytes))
        // `isValid…` compares the whole tag only; the truncated one is compared here without an early exit.
        let isAuthentic =
            zip(self.tag(of: body), sealed.suffix(Self.tagBytes)).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
        guard isAuthentic else { return nil }
        var rest = body.dropFirst()
        guard let provider = self.providers[Data(rest.prefix(Self.providerBytes))] else { return nil }
        rest = rest.dropFirst(Self.providerBytes)
        if body.first == 2 { return .digest(provider: provider, Data(rest)) }
        guard body.first == 1, let session = Self.unpack(&rest), let item = Self.unpack(&rest), let item, rest.isEmpty
        else { return nil }
        return .reference(DownloadReference(provider: provider, session: session, item: item))
    }

    /// What stands for a reference that is too long for an id.
    public static func digest(of reference: DownloadReference) -> Data {
        Data(SHA256.hash(data: self.pack(reference.session) + self.pack(reference.item)))
    }

    private func tag(of body: Data) -> Data {
        var authenticator = self.authenticator
        authenticator.update(data: body)
        return Data(authenticator.finalize()).prefix(Self.tagBytes)
    }

    private static func short(_ provider: ProviderID) -> Data {
        Data(SHA256.hash(data: Data(provider.name.utf8))).prefix(Self.providerBytes)
    }

    // 0: nil · 1: a UUID in lower case, 16 bytes · 2: text, its length in two bytes, then UTF-8 ·
    // above 32: a UUID with this character and a colon in front, as adapters mark their kinds of items.
    private static func pack(_ text: String?) -> Data {
        guard let text else { return Data([0]) }
        if let uuid = Self.packedUUID(text[...]) { return Data([1]) + uuid }
        if let mark = text.utf8.first, (0x21...0x7E).contains(mark), text.utf8.dropFirst().first == UInt8(ascii: ":"),
            let uuid = Self.packedUUID(text.dropFirst(2))
        {
            return Data([mark]) + uuid
        }
        let bytes = Data(text.utf8)
        return Data([2, UInt8(truncatingIfNeeded: bytes.count >> 8), UInt8(truncatingIfNeeded: bytes.count)]) + bytes
    }

    private static func unpack(_ rest: inout Data) -> String?? {
        guard let kind = rest.popFirst() else { return .none }
        switch kind {
        case 0: return .some(nil)
        case 1: return Self.unpackUUID(&rest).map(String?.some)
        case 0x21...0x7E:
            return Self.unpackUUID(&rest).map { .some("\(Character(UnicodeScalar(kind))):\($0)") }
        case 2:
            guard let high = rest.popFirst(), let low = rest.popFirst() else { return .none }
            let count = Int(high) << 8 | Int(low)
            let bytes = rest.prefix(count)
            guard bytes.count == count, let text = String(validating: bytes, as: UTF8.self) else { return .none }
            rest = rest.dropFirst(count)
            return text
        default: return .none
        }
    }
}

extension DownloadID {
    /// The 16 bytes of a UUID in lower case; `nil` for any other text.
    private static func packedUUID(_ text: Substring) -> Data? {
        guard text.utf8.count == 36, let uuid = UUID(uuidString: String(text)), uuid.lowercaseText == text
        else {
            return nil
        }
        return withUnsafeBytes(of: uuid.uuid) { Data($0) }
    }

    private static func unpackUUID(_ rest: inout Data) -> String? {
        let bytes = rest.prefix(16)
        guard bytes.count == 16 else { return nil }
        rest = rest.dropFirst(16)
        return UUID(uuid: bytes.withUnsafeBytes { $0.loadUnaligned(as: uuid_t.self) }).lowercaseText
    }
}
