// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Simulators

/// Names are hostile input: every file must be listed under its name, shown under a safe one, and be reached.
enum NameChecks {
    static let all = [
        Self.check(
            "slashes and backslashes",
            ["a/b.pdf", "/etc/passwd", "c\\d.pdf", "C:\\Windows\\x.ini", "e%2Ff.pdf"]
        ),
        Self.check("dot segments", ["..", ".", "../../x", "..\\..\\y", "%2e%2e", ".hidden", "end."]),
        Self.check(
            "control characters",
            ["nul\u{0}.pdf", "line\nbreak.txt", "carriage\r\nreturn.txt", "tab\t.csv", "del\u{7F}.c"]
        ),
        Self.check(
            "quotes and query signs",
            ["q\"uote.pdf", "it's.pdf", "a?b=c&d.pdf", "e#f.pdf", "100%.pdf", "%zz.pdf", "a+b.c"]
        ),
        Self.check(
            "other scripts",
            [
                "données été.csv", "请求.pdf", "🎉.png", "cafe\u{301}.txt", "na\u{EF}ve.txt", "\u{301}mark.txt",
                "a b  c.txt",
            ]
        ),
        Self.check(
            "marks that turn the text",
            ["\u{202E}fdp.exe", "a\u{200F}b.pdf", "\u{FEFF}bom.txt", "line\u{2028}sep.txt"]
        ),
        Self.check(
            "very long names",
            [String(repeating: "x", count: 300) + ".pdf", String(repeating: "é", count: 250) + ".txt"]
        ),
        Self.check("spaces at the ends", [" lead.pdf", "trail.pdf ", " "]),
        ConformanceCheck("one name twice") { bench in
            let session = bench.addSession()
            let first = bench.library.addFile("same.pdf", size: 11, in: session)
            let second = bench.library.addFile("same.pdf", size: 22, in: session)
            let listed = try await bench.listAll(session)
            let expected = bench.harness.has(.namesAreIdentity) ? [second] : [first, second]
            try requireEqual(listed.map(\.size).compactMap { $0 }.sorted(), expected.map(\.size), "sizes")
            try requireEqual(Set(listed.map(\.reference)).count, expected.count, "references")
            for download in listed { try await Self.reach(download, among: expected, bench) }
        },
        ConformanceCheck("an empty name", where: { !$0.has(.namesArePathParts) && !$0.has(.namesAreIdentity) }) {
            bench in
            let session = bench.addSession()
            let file = bench.library.addFile("", size: 5, in: session)
            let listed = try await bench.listAll(session)
            try requireEqual(listed.count, 1, "files")
            try require(listed.allSatisfy { !$0.filename.isEmpty }, "the safe name is empty")
            for download in listed { try await Self.reach(download, among: [file], bench) }
        },
    ]

    private static func check(_ what: String, _ names: [String]) -> ConformanceCheck {
        ConformanceCheck("names with \(what)") { bench in
            let session = bench.addSession()
            var files: [SimulatedFile] = []
            for (number, name) in names.enumerated() where Self.isPossible(name, bench.harness) {
                files.append(bench.library.addFile(name, size: Int64(10 + number), in: session))
            }
            let listed = try await bench.listAll(session)
            try requireEqual(listed.count, files.count, "files, of \(names)")
            for file in files {
                guard let download = listed.first(where: { $0.size == file.size }) else {
                    throw ConformanceFailure("no file for \(file.name.debugDescription)")
                }
                // By scalars: `==` would take a composed letter for a decomposed one.
                try require(
                    download.name.unicodeScalars.elementsEqual(file.name.unicodeScalars),
                    "\(file.name.debugDescription) became \(download.name.debugDescription)"
                )
                try Self.requireSafe(download.filename)
                try await Self.reach(download, among: [file], bench)
            }
        }
    }

    /// Whether a file of this name can exist at all.
    private static func isPossible(_ name: String, _ harness: ProviderHarness) -> Bool {
        guard harness.has(.namesArePathParts) || harness.has(.namesAreIdentity) else { return true }
        let isDots = name == "." || name == ".."
        guard harness.has(.namesArePathParts) else { return !isDots }
        // A file system has no slash and no NUL in a name, and 255 bytes at most.
        return !isDots && !name.contains("/") && !name.contains("\u{0}") && name.utf8.count <= 255
    }

    private static func requireSafe(_ name: String) throws {
        let isClean = name.unicodeScalars.allSatisfy { scalar in
            scalar.value >= 0x20 && scalar.value != 0x7F && !"/\\".unicodeScalars.contains(scalar)
                && scalar.properties.generalCategory != .format
        }
        try require(isClean && !name.isEmpty && name != "." && name != "..", "unsafe: \(name.debugDescription)")
        try require(name.utf8.count <= 255, "\(name.utf8.count) bytes of name")
    }

    private static func reach(
        _ download: Download,
        among files: [SimulatedFile],
        _ bench: ConformanceBench
    ) async throws {
        guard let file = files.first(where: { $0.size == download.size }) else {
            throw ConformanceFailure("a file of \(download.size ?? -1) bytes that there is not")
        }
        let again = try await bench.provider.download(download.reference)
        try requireEqual(again.size, file.size, "size of \(file.name.debugDescription) in the metadata")
        let content = try await bench.provider.content(of: download.reference, ContentRequest())
        let bytes = try await bench.read(content.body)
        try requireEqual(bytes, ConformanceBench.bytes(of: file), "bytes of \(file.name.debugDescription)")
    }
}
