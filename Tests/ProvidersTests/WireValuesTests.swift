// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Providers

@Suite struct WireValuesTests {
    private func decode<Value: Decodable>(_ type: Value.Type, _ json: String) throws -> Value {
        try JSONDecoder().decode([Value].self, from: Data("[\(json)]".utf8))[0]
    }

    @Test(
        arguments: [
            ("12", 12), ("12.9", 12), ("\"12\"", 12), ("0", 0), ("9223372036854775807", Int64.max), ("-1", nil),
            ("1e300", nil),
            ("9.3e18", nil), ("-0.5", 0), ("\"many\"", nil), ("null", nil), ("true", nil), ("[]", nil), ("\"-3\"", nil),
        ] as [(String, Int64?)]
    )
    func readsSizesWithoutTrapping(_ json: String, _ bytes: Int64?) throws {
        #expect(try self.decode(WireSize.self, json).bytes == bytes)
    }

    @Test func readsIDsAsNumbersAndTexts() throws {
        #expect(try self.decode(WireID.self, "6731").text == "6731")
        #expect(try self.decode(WireID.self, "\"100\"").text == "100")
        #expect(throws: DecodingError.self) { try self.decode(WireID.self, "{}") }
    }

    @Test(
        arguments: [
            ("1700000000", 1_700_000_000), ("1700000000000", 1_700_000_000),
            ("\"2023-11-14T22:13:20Z\"", 1_700_000_000),
            ("\"2023-11-14T22:13:20\"", 1_700_000_000), ("\"1700000000\"", 1_700_000_000), ("0", nil), ("-5", nil),
            ("1e300", nil), ("\"yesterday\"", nil), ("{}", nil), ("null", nil),
        ] as [(String, Double?)]
    )
    func readsTimesInEveryForm(_ json: String, _ seconds: Double?) throws {
        #expect(try self.decode(WireTime.self, json).date == seconds.map { Date(timeIntervalSince1970: $0) })
    }

    @Test func acceptsOnlyASHA256AsAChecksum() {
        let digest = String(repeating: "Ab", count: 32)
        #expect(digest.asSHA256 == digest.lowercased())
        #expect(String(repeating: "g", count: 64).asSHA256 == nil)
        #expect("abc".asSHA256 == nil)
    }

    @Test func ordersSessionsNewestFirstAndOnce() {
        let sessions = [("old", 1.0), ("none", nil), ("new", 3.0), ("old", 2.0), ("", 9.0)].map { id, time in
            Session(id: id, createdAt: time.map { Date(timeIntervalSince1970: $0) })
        }
        #expect(sessions.newest(5).map(\.id) == ["new", "old", "none"])
        #expect(sessions.newest(1).map(\.id) == ["new"])
        #expect(sessions.newest(-1).isEmpty)
    }

    @Test func pagesByOffsetUntilTheTotal() throws {
        #expect(PageToken.next(after: 100, at: 0, total: 150, limit: 100)?.value == "100")
        #expect(PageToken.next(after: 50, at: 100, total: 150, limit: 100) == nil)
        #expect(PageToken.next(after: 0, at: 100, total: 150, limit: 100) == nil)
        #expect(PageToken.next(after: 100, at: 0, total: nil, limit: 100)?.value == "100")
        #expect(PageToken.next(after: 99, at: 0, total: nil, limit: 100) == nil)
        #expect(PageToken.next(after: 1, at: .max, total: nil, limit: 1) == nil)
        #expect(try PageToken.offset(nil) == 0)
        #expect(throws: ProviderError.self) { try PageToken.offset(PageToken("-1")) }
        #expect(throws: ProviderError.self) { try PageToken.offset(PageToken("99999999999999999999")) }
    }
}
