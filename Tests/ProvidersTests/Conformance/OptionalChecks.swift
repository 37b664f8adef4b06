// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Simulators

/// What is promised works; what is not promised is refused without a request.
enum OptionalChecks {
    static let all = [
        ConformanceCheck("deleting", where: { !$0.has(.filesInArchive) }) { bench in
            let session = bench.addSession()
            for name in ["keep.pdf", "drop.pdf"] { bench.library.addFile(name, size: 9, in: session) }
            guard let drop = try await bench.listAll(session).first(where: { $0.name == "drop.pdf" }) else {
                throw ConformanceFailure("not listed")
            }
            let before = bench.requests.count
            guard bench.provider.capabilities.delete else {
                let error = try await bench.failure("delete") { try await bench.provider.delete(drop.reference) }
                try requireEqual(error.kind, .unsupported, "kind")
                try requireEqual(bench.requests.count, before, "requests")
                return try requireEqual(bench.library.files.count, 2, "files upstream")
            }
            try await bench.provider.delete(drop.reference)
            try requireEqual(bench.library.files.map(\.name), ["keep.pdf"], "files upstream")
            try requireEqual(try await bench.listAll(session).map(\.name), ["keep.pdf"], "files listed")
            let error = try await bench.failure("delete again") { try await bench.provider.delete(drop.reference) }
            try requireEqual(error.kind, .notFound, "kind of the second")
        },
        ConformanceCheck("deleting out of an archive is refused", where: { $0.has(.filesInArchive) }) { bench in
            let (_, download) = try await bench.oneFile()
            let before = bench.requests.count
            let error = try await bench.failure("delete") { try await bench.provider.delete(download.reference) }
            try requireEqual(error.kind, .unsupported, "kind")
            try requireEqual(bench.requests.count, before, "requests")
        },
        ConformanceCheck("a delete that fails says so, and is sent once", where: { !$0.has(.filesInArchive) }) {
            bench in
            let (_, download) = try await bench.oneFile()
            guard bench.provider.capabilities.delete else { return }
            for fault in [SimulatorFault.status(500), .status(429), .html, .resetBeforeHead] {
                let before = bench.requests.count
                bench.breakEverything(fault)
                let error = await Self.outcome { try await bench.provider.delete(download.reference) }
                bench.mend()
                // A page of HTML with status 200 may pass for a vendor that promises no body.
                if fault != .html { try require(error != nil, "a delete that ended in \(fault) passed for done") }
                // libcurl sends again what a connection from its pool swallowed without a byte of an answer.
                if fault != .resetBeforeHead {
                    try requireEqual(bench.requests.count, before + 1, "requests for \(fault)")
                }
                try requireEqual(bench.library.files.count, 1, "files upstream")
            }
        },
        ConformanceCheck("files outside of any session") { bench in
            let session = bench.addSession()
            bench.library.addFile("inside.pdf", size: 8, in: session)
            let file = bench.library.addFile("outside.pdf", size: 9)
            let before = bench.requests.count
            guard bench.provider.capabilities.listsRoot else {
                let error = try await bench.failure("list") { _ = try await bench.listAll(nil) }
                try requireEqual(error.kind, .unsupported, "kind")
                return try requireEqual(bench.requests.count, before, "requests")
            }
            let listed = try await bench.listAll(nil)
            try requireEqual(listed.map(\.name), ["outside.pdf"], "names")
            for download in listed {
                try requireEqual(download.reference.session, nil, "session")
                try requireEqual(try await bench.provider.download(download.reference).size, 9, "size")
                let bytes = try await ReadingChecks.read(download.reference, bench)
                try requireEqual(bytes, ConformanceBench.bytes(of: file), "bytes")
            }
        },
        ConformanceCheck("filters that are not promised are refused") { bench in
            let session = bench.addSession()
            let before = bench.requests.count
            for (field, filter) in Self.filters where !bench.provider.capabilities.filters.contains(field) {
                let error = try await bench.failure("list by \(field)") {
                    _ = try await bench.listAll(session, filter: filter)
                }
                try requireEqual(error.kind, .unsupported, "kind")
            }
            try requireEqual(bench.requests.count, before, "requests")
        },
        ConformanceCheck("filters that are promised are kept") { bench in
            let session = bench.addSession()
            bench.library.addFile(
                "old.csv",
                size: 10,
                in: session,
                createdAt: Date(timeIntervalSince1970: 1_700_000_000)
            )
            bench.library.addFile(
                "wanted.pdf",
                size: 1000,
                in: session,
                createdAt: Date(timeIntervalSince1970: 1_750_000_000)
            )
            bench.library.addFile(
                "new.csv",
                size: 99_999,
                in: session,
                createdAt: Date(timeIntervalSince1970: 1_790_000_000)
            )
            for (field, filter) in Self.filters where bench.provider.capabilities.filters.contains(field) {
                let names = Set(try await bench.listAll(session, filter: filter).map(\.name))
                try requireEqual(names, Self.kept(by: field), "kept by \(field)")
            }
        },
        ConformanceCheck("an archive of its own holds what single files hold") { bench in
            let session = bench.addSession()
            let sizes: [Int64] = [100_003, 0, 7]
            for (number, size) in sizes.enumerated() {
                bench.library.addFile("file-\(number).bin", size: size, in: session)
            }
            let listed = try await bench.listAll(session)
            let before = bench.requests.count
            guard bench.harness.has(.archives) else {
                let error = try await bench.failure("archive") { _ = try await bench.provider.archive(of: listed) }
                try requireEqual(error.kind, .unsupported, "kind")
                return try requireEqual(bench.requests.count, before, "requests")
            }
            let files = try await bench.provider.archive(of: listed)
            var found: [DownloadReference: ConformanceBench.Bytes] = [:]
            while let file = try await files.next() { found[file.reference] = try await bench.read(file.body) }
            for download in listed {
                let file = bench.library.files.first { $0.name == download.name }
                try requireEqual(found[download.reference], file.map { ConformanceBench.bytes(of: $0) }, download.name)
            }
            let one = try await bench.failure("archive of one") {
                _ = try await bench.provider.archive(of: Array(listed.prefix(1)))
            }
            try requireEqual(one.kind, .unsupported, "kind for one")
        },
        ConformanceCheck("the check passes where all is well") { bench in try await bench.provider.check() },
        ConformanceCheck("the check asks, and tells of a refusal") { bench in
            let before = bench.requests.count
            bench.breakEverything(.status(401))
            let error = try await bench.failure("check") { try await bench.provider.check() }
            try requireEqual(error.kind, .unauthorized, "kind")
            try require(bench.requests.count > before, "nothing was asked")
        },
    ]

    private static let filters: [(FilterField, DownloadFilter)] = [
        (.filename, DownloadFilter(filename: "wanted.pdf")),
        (.mimeType, DownloadFilter(mimeType: "application/pdf")),
        (.minSize, DownloadFilter(minSize: 1000)),
        (.maxSize, DownloadFilter(maxSize: 1000)),
        (.createdAfter, DownloadFilter(createdAfter: Date(timeIntervalSince1970: 1_750_000_000))),
        (.createdBefore, DownloadFilter(createdBefore: Date(timeIntervalSince1970: 1_750_000_000))),
    ]

    /// All bounds are inclusive.
    private static func kept(by field: FilterField) -> Set<String> {
        switch field {
        case .filename, .mimeType: ["wanted.pdf"]
        case .minSize, .createdAfter: ["wanted.pdf", "new.csv"]
        case .maxSize, .createdBefore: ["wanted.pdf", "old.csv"]
        }
    }

    private static func outcome(_ operation: () async throws -> Void) async -> (any Error)? {
        do { try await operation() } catch { return error }
        return nil
    }
}
