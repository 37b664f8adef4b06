// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Simulators
import Testing

/// Random faults of every vendor at random places, over real connections: whatever ends cleanly has exactly the right bytes.
///
/// `SLUICE_FAULT_RUNS` says how many downloads there are for each vendor; a failure names the seed that repeats it.
extension EndToEnd {
    @Suite struct RandomFaultTests {
        private static let runs = ProcessInfo.processInfo.environment["SLUICE_FAULT_RUNS"].flatMap { Int($0) } ?? 40

        /// Bytes of the largest file that is asked for.
        private static let largest: Int64 = 1_500_000

        /// How a download may end for its caller.
        private enum Ending { case whole, broken, refused }

        /// A download, and what it really is.
        private struct Sample {
            let path: String
            let contents: SimulatedContents
            let hasDigest: Bool

            func bytes(_ range: Range<Int64>) -> ByteBuffer { self.contents.bytes(in: range) }
        }

        @Test(arguments: SimulatedVendors.names)
        func aCleanEndAlwaysHasTheRightBytes(_ name: String) async throws {
            // Answers that stall are given up soon; what was asked once need not be asked again.
            var settings = GatewaySettings(upstream: "{ firstByteTimeout: 400ms, idleTimeout: 400ms }")
            settings.cache = "{ freshFor: 3600s, staleFor: 24h }"
            try await EndToEndFixture.run(settings) { gateway in
                // Beside small files one whose bytes, once its digest was measured, nobody looks at any more.
                let library = try gateway.vendors.simulator(name).library
                let session = library.files.first { $0.role == .download && $0.session != nil }?.session
                library.addFile("relayed.bin", size: Self.largest, in: session)
                let samples = try await Self.samples(of: name, in: gateway)
                #expect(samples.count >= 3 && samples.contains { $0.contents.size == Self.largest })
                var endings: [Ending: Int] = [:]
                for seed in 0..<Self.runs {
                    endings[try await Self.download(seed, name, samples, gateway), default: 0] += 1
                    try gateway.vendors.clearFaults()
                }
                // Not every one fails, and not every one is well.
                #expect(endings[.whole, default: 0] > 0 && endings[.whole] != Self.runs, "\(endings)")
                // All well again: nothing of the faults stays.
                let last = try #require(samples.first)
                #expect(try await gateway.admin.get(last.path).body == last.bytes(0..<last.contents.size))
                // The others' whole files are looked at, for a digest is told that they must have.
                if ["notte", "vagon", "hoody"].contains(name) { #expect(try await gateway.relayedBodies() > 0) }
            }
        }

        private static func samples(of name: String, in gateway: EndToEndFixture) async throws -> [Sample] {
            let library = try gateway.vendors.simulator(name).library
            let list = try await gateway.admin.get(
                "/v1/downloads?provider=\(name)&maxSize=\(Self.largest)&minSize=1&limit=100"
            )
            return list.json["downloads"].list.compactMap { download in
                guard let id = download["id"].text, download["status"] == "completed",
                    let file = library.files.first(where: {
                        $0.role == .download && $0.name == download["native"]["name"].text
                            && $0.session == download["sessionId"].text && $0.size == download["size"].integer
                    })
                else { return nil }
                let hasDigest = download["checksum"].text != nil
                return Sample(path: "/v1/downloads/\(id)", contents: file.contents, hasDigest: hasDigest)
            }
        }

        private static func download(
            _ seed: Int,
            _ name: String,
            _ samples: [Sample],
            _ gateway: EndToEndFixture
        ) async throws -> Ending {
            var chance = SeededSource(state: UInt64(seed) + 1)
            let isLarge = Bool.random(using: &chance)
            let candidates = isLarge ? samples.filter { $0.contents.size == Self.largest } : samples
            guard let sample = candidates.randomElement(using: &chance) else { return .refused }
            let size = sample.contents.size
            let wanted = Self.range(of: size, using: &chance)
            // A wrong byte can be told only by the digest of the whole.
            let mayFlip = sample.hasDigest && wanted == nil
            var faults: [SimulatorFault] = []
            for _ in 0..<Int.random(in: 1...4, using: &chance) {
                let fault = Self.fault(below: size, mayFlip: mayFlip, using: &chance)
                faults.append(fault)
                try gateway.vendors.breakBytes(of: name, fault, times: 1)
            }
            let fields = wanted.map { [(name: "Range", value: "bytes=\($0.lowerBound)-\($0.upperBound - 1)")] } ?? []
            let exchange = try await gateway.admin.open("GET", sample.path, fields)
            let body = try? await exchange.rest()
            await exchange.close()
            guard let body else { return .broken }
            let status = exchange.head.status
            guard status == 200 || status == 206 else {
                let type = exchange.head.value("Content-Type")
                #expect(status >= 400 && type == "application/problem+json", "seed \(seed): \(faults) \(status)")
                return .refused
            }
            #expect(status == (wanted == nil ? 200 : 206))
            #expect(body == sample.bytes(wanted ?? 0..<size), "seed \(seed): \(faults)")
            return .whole
        }

        private static func range(of size: Int64, using chance: inout SeededSource) -> Range<Int64>? {
            guard Bool.random(using: &chance) else { return nil }
            let first = Int64.random(in: 0..<size, using: &chance)
            return first..<Int64.random(in: (first + 1)...size, using: &chance)
        }

        private static func fault(
            below size: Int64,
            mayFlip: Bool,
            using chance: inout SeededSource
        ) -> SimulatorFault {
            let place = Int64.random(in: 0..<size, using: &chance)
            switch Int.random(in: 0..<15, using: &chance) {
            case 0...2: return .cut(afterBytes: place)
            case 3...5: return .reset(afterBytes: place)
            case 6: return .stall(afterBytes: place)
            case 7: return .shorten(byBytes: 1 + place)
            case 8: return .lengthen(byBytes: 1 + place)
            case 9: return .chunked(cutAfterBytes: place)
            case 10: return mayFlip ? .flip(byte: place) : .resetBeforeHead
            case 11: return .ignoreRange
            case 12: return .html
            // As an object store answers when a link has expired.
            case 13: return .status(403)
            default: return .status([404, 416, 500, 503].randomElement(using: &chance) ?? 500)
            }
        }
    }
}
