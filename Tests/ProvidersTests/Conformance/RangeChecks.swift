// SPDX-License-Identifier: Apache-2.0

import Downloads
import Simulators

/// Each form of a range: exactly that part where ranges are promised, the whole file under its own name where they are not.
enum RangeChecks {
    private static let size: Int64 = 200_003

    private static let forms: [(String, ByteRange)] = [
        ("the first byte", .bounded(first: 0, last: 0)),
        ("the middle", .bounded(first: 70_000, last: 140_000)),
        ("past the end", .bounded(first: 200_000, last: 999_999)),
        ("the last byte", .bounded(first: size - 1, last: size - 1)),
        ("all of it", .bounded(first: 0, last: size - 1)),
        ("from the middle on", .from(65_521)),
        ("the last thousand", .suffix(1000)),
        ("more than there is from the end", .suffix(999_999_999)),
        ("up to the largest number", .bounded(first: 10, last: .max)),
    ]

    static let all =
        Self.forms.map(Self.check) + [
            ConformanceCheck("a range beyond the end") { bench in
                let (file, download) = try await bench.oneFile(size: Self.size)
                let request = ContentRequest(range: .from(Self.size))
                let error: ProviderError
                do {
                    let content = try await bench.provider.content(of: download.reference, request)
                    // Without the promise of ranges the whole file may come, under its own name.
                    try require(
                        !bench.provider.capabilities.ranges && content.range == nil,
                        "content where there is none"
                    )
                    return try requireEqual(
                        try await bench.read(content.body),
                        ConformanceBench.bytes(of: file),
                        "bytes"
                    )
                } catch let failure as ProviderError {
                    error = failure
                }
                guard case .rangeNotSatisfiable(let size) = error.kind else {
                    throw ConformanceFailure("kind: \(error.kind)")
                }
                try require(size == nil || size == Self.size, "size \(size ?? -1)")
            }
        ]

    private static func check(_ name: String, _ range: ByteRange) -> ConformanceCheck {
        ConformanceCheck("a range: \(name)") { bench in
            let (file, download) = try await bench.oneFile(size: Self.size)
            let content = try await bench.provider.content(of: download.reference, ContentRequest(range: range))
            // Without the promise of ranges the whole file may come; what comes must be what it says.
            if bench.provider.capabilities.ranges || content.range != nil {
                try requireEqual(content.range, range.resolved(size: Self.size), "range")
            }
            let wanted = ConformanceBench.bytes(of: file, in: content.range)
            try requireEqual(try await bench.read(content.body), wanted, "bytes")
            try require(content.length == nil || content.length == wanted.count, "length \(content.length ?? -1)")
        }
    }
}
