// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

/// Random faults at random places: whatever ends cleanly has exactly the right bytes.
///
/// `SLUICE_FAULT_RUNS` says how many; a failure names the seed that repeats it.
@Suite struct FaultTests {
    private static let runs = ProcessInfo.processInfo.environment["SLUICE_FAULT_RUNS"].flatMap { Int($0) } ?? 300

    @Test func aCleanEndAlwaysHasTheRightBytes() async throws {
        let provider = try FakeProvider("alpha", BreakingUpstream.capabilities)
        let fixture = try await GatewayFixture([provider], sleep: { _ in })
        var (whole, broken) = (0, 0)
        for seed in 0..<Self.runs {
            if try await Self.isWhole(seed: UInt64(seed), provider, fixture) { whole += 1 } else { broken += 1 }
        }
        // Both ends happen, so that neither a gateway that mends all nor one that breaks all would pass.
        #expect(whole > Self.runs / 10 && broken > Self.runs / 10, "\(whole) whole, \(broken) broken")
    }

    private static func isWhole(seed: UInt64, _ provider: FakeProvider, _ fixture: GatewayFixture) async throws -> Bool
    {
        var chance = SeededSource(state: seed)
        let bytes = Data(
            (0..<Int.random(in: 100...5_000, using: &chance)).map { _ in UInt8.random(in: 0...255, using: &chance) }
        )
        // A flipped byte is only seen where there is a digest.
        let hasDigest = Bool.random(using: &chance)
        let faults = (0..<Int.random(in: 1...6, using: &chance)).map { _ in
            Self.fault(below: bytes.count, hasDigest: hasDigest, using: &chance)
        }
        let upstream = BreakingUpstream(
            bytes,
            faults,
            piece: Int.random(in: 1...900, using: &chance),
            isLengthSaid: Bool.random(using: &chance)
        )
        let download = provider.add(
            "\(seed).bin",
            bytes: bytes,
            change: { $0.checksum = hasDigest ? Data(SHA256.hash(data: bytes)).hexadecimal : nil }
        )
        provider.script { $0.content = { _, request throws(ProviderError) in try upstream.content(request) } }
        let first = Int.random(in: 0..<bytes.count, using: &chance)
        // Bytes of a part cannot be held against a digest.
        let isPart = !hasDigest && Bool.random(using: &chance)
        let path = fixture.path(of: download)
        let answer: Answer
        do {
            answer = try await fixture.send(.get, path, headers: isPart ? [.range: "bytes=\(first)-"] : [:])
        } catch is ProviderError {
            return false
        }
        guard answer.status == .ok || answer.status == .partialContent else { return false }
        #expect(answer.data == (answer.status == .ok ? bytes : bytes[first...]), "seed \(seed): \(faults)")
        return true
    }

    private static func fault(
        below count: Int,
        hasDigest: Bool,
        using chance: inout SeededSource
    ) -> BreakingUpstream.Fault {
        let place = Int.random(in: 0...count, using: &chance)
        switch Int.random(in: 0..<16, using: &chance) {
        case 0...4: return .cut(after: place)
        case 5: return .short(by: place)
        case 6: return .long(by: 1 + place)
        case 7: return hasDigest ? .flipped(at: place) : .none
        case 8: return .whole
        case 9: return .noValidator
        case 10: return .otherSize
        case 11: return .html
        case 12: return .otherFile
        case 13: return .otherRange
        case 14: return .refused(.unavailable, .now)
        default: return .refused(.unauthorized, .never)
        }
    }
}
