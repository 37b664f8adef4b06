// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import Testing

@Suite struct DownloadIDTests {
    private let secret = SymmetricKey(data: Data(repeating: 7, count: 32))

    private func provider(_ name: String) throws -> ProviderID { try #require(ProviderID(name)) }

    private func ids(_ names: String...) throws -> DownloadID {
        DownloadID(secret: self.secret, providers: try names.map(self.provider))
    }

    static let references: [(session: String?, item: String)] = [
        ("7d1c1c0e-9f2b-4c3d-8e4f-001122334455", "00112233-4455-6677-8899-aabbccddeeff"),
        ("7d1c1c0e-9f2b-4c3d-8e4f-001122334455", "d:00112233-4455-6677-8899-aabbccddeeff"),
        (nil, "f:6731"), ("100", "f:1"), ("", ""), ("Ünïcode/ordner", "n:été 📄.pdf"),
        ("a", String(repeating: "x", count: 300)),
        ("7D1C1C0E-9F2B-4C3D-8E4F-001122334455", "x"), ("a\u{0}b", "c:\\Users\\a"),
        (nil, "::00112233-4455-6677-8899-aabbccddeeff"), (nil, " :00112233-4455-6677-8899-aabbccddeeff"),
    ]

    @Test(arguments: references)
    func carriesItsReference(_ parts: (session: String?, item: String)) throws {
        let ids = try self.ids("browserbase", "vagon")
        let reference = DownloadReference(
            provider: try self.provider("vagon"),
            session: parts.session,
            item: parts.item
        )
        let id = ids.id(for: reference)
        #expect(ids.target(of: id) == .reference(reference))
        #expect(id == ids.id(for: reference))
    }

    @Test func isShortForUUIDs() throws {
        let reference = DownloadReference(
            provider: try self.provider("browserbase"),
            session: "7d1c1c0e-9f2b-4c3d-8e4f-001122334455",
            item: "d:00112233-4455-6677-8899-aabbccddeeff"
        )
        #expect(try self.ids("browserbase").id(for: reference).utf8.count <= 67)
    }

    @Test func standsForALongReferenceByDigest() throws {
        let ids = try self.ids("hoody")
        let reference = DownloadReference(
            provider: try self.provider("hoody"),
            session: String(repeating: "d/", count: 400),
            item: "p:name"
        )
        let id = ids.id(for: reference)
        #expect(id.utf8.count <= DownloadID.longest)
        #expect(
            ids.target(of: id)
                == .digest(provider: reference.provider, DownloadID.digest(of: reference))
        )
    }

    @Test func neverExceedsTheLongestAtAnyLength() throws {
        let ids = try self.ids("hoody")
        for length in 300...420 {
            let item = String(repeating: "y", count: length)
            let id = ids.id(for: DownloadReference(provider: try self.provider("hoody"), session: nil, item: item))
            #expect(id.utf8.count <= DownloadID.longest)
            #expect(ids.target(of: id) != nil)
        }
    }

    @Test func anyAlteredCharacterIsRefused() throws {
        let ids = try self.ids("vagon")
        let id = ids.id(for: DownloadReference(provider: try self.provider("vagon"), session: "100", item: "f:6731"))
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        for position in id.indices.dropFirst(3) {
            for character in alphabet where character != id[position] {
                var altered = id
                altered.replaceSubrange(position...position, with: [character])
                #expect(ids.target(of: altered) == nil)
            }
        }
    }

    @Test(arguments: [
        "", "dl_", "dl_A", "dl_AAAA", "DL_AAAA", "dl_====", "dl_!!!!", "xx_AAAA",
        "dl_" + String(repeating: "A", count: 600),
        "dl_" + String(repeating: "A", count: 40), "dl_é",
    ])
    func refusesWhatItDidNotMake(_ id: String) throws {
        #expect(try self.ids("vagon").target(of: id) == nil)
    }

    @Test func refusesAnotherKeysIDs() throws {
        let other = DownloadID(secret: SymmetricKey(size: .bits256), providers: [try self.provider("vagon")])
        let id = other.id(for: DownloadReference(provider: try self.provider("vagon"), session: nil, item: "f:1"))
        #expect(try self.ids("vagon").target(of: id) == nil)
    }

    @Test func refusesAProviderThatIsNotConfigured() throws {
        let id = try self.ids("vagon").id(
            for: DownloadReference(provider: try self.provider("vagon"), session: nil, item: "f:1")
        )
        #expect(try self.ids("hoody").target(of: id) == nil)
    }

    @Test func refusesPaddingBitsThatDiffer() throws {
        // base64 ignores the last bits of an incomplete group: two texts for the same bytes must not both be ids.
        let ids = try self.ids("vagon")
        for length in 1...12 {
            let item = String(repeating: "z", count: length)
            let id = ids.id(for: DownloadReference(provider: try self.provider("vagon"), session: nil, item: item))
            for character in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
                let altered = String(id.dropLast()) + String(character)
                #expect((ids.target(of: altered) != nil) == (altered == id))
            }
        }
    }
}
