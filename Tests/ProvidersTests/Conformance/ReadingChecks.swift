// SPDX-License-Identifier: Apache-2.0

import Downloads
import Simulators
import Transfer

/// The bytes: all of them, unchanged, and with an honest length.
enum ReadingChecks {
    static let all =
        [("no bytes", 0), ("one byte", 1), ("an odd number of bytes", 100_003), ("five megabytes", 5_000_001)].map(
            Self.whole
        ) + [
            ConformanceCheck("the head is honest") { bench in
                let (file, download) = try await bench.oneFile()
                let content = try await bench.provider.content(of: download.reference, ContentRequest())
                try requireEqual(content.range, nil, "range")
                try requireEqual(content.length, file.size, "length")
                try require(
                    content.totalSize == nil || content.totalSize == file.size,
                    "total \(content.totalSize ?? -1)"
                )
                try require(
                    content.validator.map { !$0.hasPrefix("W/") } ?? true,
                    "a weak validator passes for a strong one"
                )
            },
            ConformanceCheck("two readers at once each get all") { bench in
                let (file, download) = try await bench.oneFile(size: 3_000_017)
                async let first = Self.read(download.reference, bench)
                async let second = Self.read(download.reference, bench)
                let both = try await [first, second]
                for bytes in both { try requireEqual(bytes, ConformanceBench.bytes(of: file), "bytes") }
            },
            ConformanceCheck("one reader after the other") { bench in
                let (file, download) = try await bench.oneFile()
                for _ in 0..<3 {
                    try requireEqual(
                        try await Self.read(download.reference, bench),
                        ConformanceBench.bytes(of: file),
                        "bytes"
                    )
                }
            },
            ConformanceCheck("the bytes of a file that is gone are not found") { bench in
                let (file, download) = try await bench.oneFile()
                bench.library.removeFiles { $0.number == file.number }
                let error = try await bench.failure("content") { _ = try await Self.read(download.reference, bench) }
                try requireEqual(error.kind, .notFound, "kind")
            },
            ConformanceCheck("bytes are asked for as they are") { bench in
                let (_, download) = try await bench.oneFile()
                _ = try await Self.read(download.reference, bench)
                for request in bench.requests {
                    let encodings = request.header("Accept-Encoding") ?? "identity"
                    try requireEqual(encodings, "identity", "Accept-Encoding at \(request.path)")
                }
            },
            ConformanceCheck("a link that has expired is asked for anew", where: { $0.has(.bytesBehindLinks) }) {
                bench in
                let (file, download) = try await bench.oneFile()
                bench.simulator.storage?.faults.add(.status(403))
                // By the adapter itself, or by the retry that it asks for.
                do {
                    _ = try await bench.provider.content(of: download.reference, ContentRequest())
                } catch let error as ProviderError {
                    try requireEqual(error.retry, .now, "retry")
                }
                try requireEqual(
                    try await Self.read(download.reference, bench),
                    ConformanceBench.bytes(of: file),
                    "bytes"
                )
            },
            ConformanceCheck("bytes without a length come whole") { bench in
                let (file, download) = try await bench.oneFile()
                for listener in bench.simulator.listeners { listener.faults.add(.chunked(), times: 10) }
                try requireEqual(
                    try await Self.read(download.reference, bench),
                    ConformanceBench.bytes(of: file),
                    "bytes"
                )
            },
        ]

    private static func whole(_ what: String, _ size: Int64) -> ConformanceCheck {
        ConformanceCheck("a file of \(what)") { bench in
            let (file, download) = try await bench.oneFile(size: size)
            try requireEqual(try await Self.read(download.reference, bench), ConformanceBench.bytes(of: file), "bytes")
            try await eventually("no transfer is open") { bench.transfer.openTransfers == 0 }
        }
    }

    static func read(_ reference: DownloadReference, _ bench: ConformanceBench) async throws -> ConformanceBench.Bytes {
        try await bench.read(try await bench.provider.content(of: reference, ContentRequest()).body)
    }
}
