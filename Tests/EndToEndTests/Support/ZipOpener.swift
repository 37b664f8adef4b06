// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

/// Somebody else's program that opens a zip.
struct ZipOpener: Sendable, CustomTestStringConvertible {
    let name: String
    /// For `sh`, with the file as its first argument.
    ///
    /// It ends with another status than 0 where it finds anything wrong.
    let script: String

    var testDescription: String { self.name }

    /// Python is always asked; the others where they are installed.
    static let all = [
        ZipOpener(name: "python3", script: "python3 -m zipfile -t \"$1\" >/dev/null"),
        ZipOpener(name: "unzip", script: "unzip -tq \"$1\""),
        ZipOpener(name: "bsdtar", script: "bsdtar -xOf \"$1\" >/dev/null"),
        // From a pipe, so that it reads the members' own heads and not the directory.
        ZipOpener(name: "bsdtar", script: "cat \"$1\" | bsdtar -xOf - >/dev/null"),
        ZipOpener(name: "7z", script: "7z t \"$1\""),
    ]

    /// Lets every opener that there is test a file.
    static func expectAllOpen(_ file: URL) async throws {
        for opener in Self.all {
            let isThere = try await Self.run("command -v \"$1\"", opener.name).status == 0
            #expect(isThere || opener.name != "python3", "python3 is needed")
            guard isThere else { continue }
            let (status, output) = try await Self.run(opener.script, file.path)
            #expect(status == 0, "\(opener.name): \(output.suffix(2000))")
            #expect(!output.lowercased().contains("warning"), "\(opener.name): \(output.suffix(2000))")
        }
    }

    /// A member as Python reads it.
    struct Member: Decodable, Sendable {
        let name: String
        let size: Int64
        let crc: Int64
        let sha256: String?
        /// Year, month, day, hour, minute, second.
        let time: [Int]
        let mode: Int
    }

    /// All members, in the order of the directory; with digests where `reads`.
    static func members(of file: URL, reads: Bool = true) async throws -> [Member] {
        let program = """
            import hashlib, json, sys, zipfile
            def digest(z, i):
                h = hashlib.sha256()
                with z.open(i) as f:
                    while piece := f.read(1 << 20): h.update(piece)
                return h.hexdigest()
            z = zipfile.ZipFile(sys.argv[1])
            print(json.dumps([dict(name=i.filename, size=i.file_size, crc=i.CRC, time=i.date_time, mode=i.external_attr >> 16,
                sha256=digest(z, i) if sys.argv[2] == 'read' else None) for i in z.infolist()]))
            """
        let (status, output) = try await Self.run(
            "python3 -c \"$1\" \"$2\" \"$3\"",
            program,
            file.path,
            reads ? "read" : "list"
        )
        guard status == 0 else { throw NeverHappened(what: "python3 opens the zip: \(output)") }
        return try JSONDecoder().decode([Member].self, from: Data(output.utf8))
    }

    /// Runs a shell script, and answers its status and all that it wrote.
    static func run(_ script: String, _ arguments: String...) async throws -> (status: Int32, output: String) {
        let output = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-sh-\(UUID().uuidString)")
        try Data().write(to: output)
        defer { try? FileManager.default.removeItem(at: output) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", script, "sh"] + arguments
        let handle = try FileHandle(forWritingTo: output)
        (process.standardOutput, process.standardError) = (handle, handle)
        process.standardInput = FileHandle.nullDevice
        let (ended, continuation) = AsyncStream<Int32>.makeStream()
        process.terminationHandler = {
            continuation.yield($0.terminationStatus); continuation.finish()
        }
        try process.run()
        var status: Int32 = -1
        for await end in ended { status = end }
        return (status, (try? String(contentsOf: output, encoding: .utf8)) ?? "")
    }
}
