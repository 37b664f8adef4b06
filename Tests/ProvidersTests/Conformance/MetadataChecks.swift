// SPDX-License-Identifier: Apache-2.0

import Downloads
import Simulators

/// What is said of one file, and of files that there are not.
enum MetadataChecks {
    static let all = [
        ConformanceCheck("the metadata equals the entry of the list") { bench in
            let session = bench.addSession()
            for number in 0..<5 { bench.library.addFile("file-\(number).pdf", size: Int64(number * 1000), in: session) }
            for listed in try await bench.listAll(session) {
                let single = try await bench.provider.download(listed.reference)
                try requireEqual(single.reference, listed.reference, "reference")
                try requireEqual(single.revision, listed.revision, "revision of \(listed.name)")
                try requireEqual(single.name, listed.name, "name")
                try requireEqual(single.size, listed.size, "size")
                try requireEqual(single.mimeType, listed.mimeType, "media type")
                try requireEqual(single.checksum, listed.checksum, "checksum")
                try requireEqual(single.createdAt, listed.createdAt, "time")
                try requireEqual(single.status, listed.status, "status")
            }
        },
        ConformanceCheck("another file under the same name is another revision", where: { $0.has(.namesAreIdentity) }) {
            bench in
            let (file, before) = try await bench.oneFile("same.pdf", size: 100)
            bench.library.addFile("same.pdf", size: 101, in: file.session)
            let after = try await bench.provider.download(before.reference)
            try require(after.revision != before.revision, "the revision did not change")
        },
        ConformanceCheck("the metadata of a file that is gone is not found") { bench in
            let (file, download) = try await bench.oneFile()
            bench.library.removeFiles { $0.number == file.number }
            let error = try await bench.failure("download") {
                _ = try await bench.provider.download(download.reference)
            }
            try requireEqual(error.kind, .notFound, "kind")
        },
        ConformanceCheck("a reference of another provider is not found, without a request") { bench in
            let (_, download) = try await bench.oneFile()
            guard let other = ProviderID("somebody-else") else { throw ConformanceFailure("no name") }
            let foreign = DownloadReference(
                provider: other,
                session: download.reference.session,
                item: download.reference.item
            )
            let before = bench.requests.count
            let error = try await bench.failure("download") { _ = try await bench.provider.download(foreign) }
            try requireEqual(error.kind, .notFound, "kind")
            try requireEqual(bench.requests.count, before, "requests")
        },
        ConformanceCheck("references that no list ever gave are not found") { bench in
            let (_, download) = try await bench.oneFile()
            let session = download.reference.session
            let item = download.reference.item
            let forged = [
                (session, ""), (session, "."), (session, ".."), (session, "../../sessions"), (session, "%2e%2e"),
                (session, "\(item)x"), (session, "\(item)/../x"), (session, "x\u{0}y"), (session, "a\r\nHost: evil"),
                ("", item), ("..", item), ("../..", item), (session, String(repeating: "z", count: 5000)),
            ]
            for (session, item) in forged {
                let reference = DownloadReference(provider: bench.provider.id, session: session, item: item)
                for (name, ask) in [
                    ("download", { _ = try await bench.provider.download(reference) }),
                    ("content", { _ = try await bench.provider.content(of: reference, ContentRequest()) }),
                ] as [(String, () async throws -> Void)] {
                    if item == download.reference.item && bench.harness.has(.idsStandAlone) { continue }
                    let error = try await bench.failure("\(name) of \(item.debugDescription)", ask)
                    try require(
                        error.kind == .notFound || error.kind == .invalidRequest,
                        "\(name) of \(item.debugDescription) in \(session ?? "-"): \(error.kind)"
                    )
                }
            }
        },
    ]
}
