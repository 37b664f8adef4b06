// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import Simulators

/// What a list must be: whole, each file once, and nothing but what was asked for.
enum ListingChecks {
    static let all = [
        ConformanceCheck("an empty session lists nothing") { bench in
            let listed = try await bench.listAll(bench.addSession())
            try require(listed.isEmpty, "\(listed.count) downloads listed where there is none")
        },
        ConformanceCheck("one file is listed with what the vendor says of it") { bench in
            let (file, download) = try await bench.oneFile("invoice.pdf", size: 4321)
            try Self.compare(download, with: file, bench.harness)
        },
        ConformanceCheck("many pages hold every file once") { bench in
            let session = bench.addSession()
            for number in 0..<250 { bench.library.addFile("file-\(number).csv", size: 10, in: session) }
            let names = try await bench.listAll(session).map(\.name)
            let missing = Set((0..<250).map { "file-\($0).csv" }).subtracting(names)
            try require(missing.isEmpty, "missing: \(missing.sorted().prefix(3))")
            try requireEqual(names.count, 250, "files listed")
        },
        ConformanceCheck("the files of other sessions stay out") { bench in
            let (first, second) = (bench.addSession(), bench.addSession())
            bench.library.addFile("first.csv", size: 1, in: first)
            bench.library.addFile("second.csv", size: 1, in: second)
            try requireEqual(try await bench.listAll(first).map(\.name), ["first.csv"], "names")
            try requireEqual(try await bench.listAll(first).map(\.reference.session), [first], "session")
        },
        ConformanceCheck("an unknown session is not found") { bench in
            bench.addSession()
            let unknown = bench.harness.has(.sessionsAreMachines) ? "987654" : "0c0c0c0c-0000-4000-8000-00000000dead"
            let error = try await bench.failure("list") { _ = try await bench.listAll(unknown) }
            try requireEqual(error.kind, .notFound, "kind")
        },
        ConformanceCheck("uploads are no downloads", where: { $0.has(.holdsUploads) }) { bench in
            let session = bench.addSession()
            bench.library.addFile("mine.pdf", size: 3, in: session, role: .upload)
            bench.library.addFile("theirs.pdf", size: 3, in: session)
            try requireEqual(try await bench.listAll(session).map(\.name), ["theirs.pdf"], "names")
        },
        ConformanceCheck("two lists tell the same, with ids that can be read back") { bench in
            let session = bench.addSession()
            for name in ["a.pdf", "b.csv", "c"] { bench.library.addFile(name, size: 5, in: session) }
            let (first, second) = (try await bench.listAll(session), try await bench.listAll(session))
            try requireEqual(first.map(\.reference), second.map(\.reference), "references")
            try requireEqual(first.map(\.revision), second.map(\.revision), "revisions")
            let ids = DownloadID(secret: SymmetricKey(size: .bits256), providers: [bench.provider.id])
            for download in first {
                try require(download.reference.isWellFormed, "\(download.reference) is not well-formed")
                let target = ids.target(of: ids.id(for: download.reference))
                try requireEqual(target, .reference(download.reference), "read back")
            }
        },
        ConformanceCheck("a file that is gone is not listed") { bench in
            let session = bench.addSession()
            let gone = bench.library.addFile("gone.pdf", size: 5, in: session)
            bench.library.addFile("there.pdf", size: 5, in: session)
            try requireEqual(try await bench.listAll(session).count, 2, "files before")
            bench.library.removeFiles { $0.number == gone.number }
            try requireEqual(try await bench.listAll(session).map(\.name), ["there.pdf"], "names")
        },
        ConformanceCheck("eight lists at once agree") { bench in
            let session = bench.addSession()
            for number in 0..<30 { bench.library.addFile("file-\(number).csv", size: 10, in: session) }
            let lists = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<8 { group.addTask { try await bench.listAll(session).map(\.name) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            try requireEqual(lists.count, 8, "lists")
            for list in lists { try requireEqual(list.count, 30, "files in one of them") }
        },
        ConformanceCheck(
            "an item without its optional fields is listed all the same",
            where: { !$0.optionalFields.isEmpty }
        ) {
            bench in
            let session = bench.addSession()
            bench.library.addFile("bare.pdf", size: 77, in: session, missing: bench.harness.optionalFields)
            for field in bench.harness.optionalFields.sorted() {
                bench.library.addFile("no-\(field).pdf", size: 77, in: session, missing: [field])
            }
            let listed = try await bench.listAll(session)
            try requireEqual(listed.count, bench.harness.optionalFields.count + 1, "files")
            guard let bare = listed.first(where: { $0.name == "bare.pdf" }) else {
                throw ConformanceFailure("the bare file has lost its name")
            }
            try require(bare.createdAt == nil, "a time was made up")
            let content = try await bench.provider.content(of: bare.reference, ContentRequest())
            try requireEqual(try await bench.read(content.body).count, 77, "bytes of the bare file")
        },
    ]

    private static func compare(_ download: Download, with file: SimulatedFile, _ harness: ProviderHarness) throws {
        try requireEqual(download.name, file.name, "name")
        try requireEqual(download.reference.session, file.session, "session")
        try requireEqual(download.reference.provider.name, harness.name, "provider")
        try requireEqual(download.status, .completed, "status")
        try requireEqual(download.size, file.size, "size")
        try requireEqual(download.mimeType, "application/pdf", "media type")
        try requireEqual(download.checksum, harness.has(.hasChecksum) ? file.contents.sha256 : nil, "checksum")
        guard let created = download.createdAt else {
            if harness.has(.timesMayLack) && file.number.isMultiple(of: 5) { return }
            throw ConformanceFailure("no time of creation")
        }
        let off = abs(created.timeIntervalSince(file.createdAt))
        try require(off < (harness.has(.timesInSeconds) ? 1 : 0.002), "created at \(created), off by \(off) s")
    }
}
