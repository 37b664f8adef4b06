// SPDX-License-Identifier: Apache-2.0

public import Foundation

extension SimulatedLibrary {
    /// A small library for the demo: `sessions` sessions, the last still running, with files from 0 bytes to 25 MB.
    ///
    /// Without ids they are UUIDs, as browsers have them; `hasShared` adds files outside of any session.
    public static func demo(
        seed: UInt64,
        begin: Date,
        sessions ids: [String?] = [nil, nil, nil],
        hasShared: Bool = false
    ) -> SimulatedLibrary {
        let library = SimulatedLibrary(seed: seed, begin: begin)
        let names = [
            "invoice-2026-10.pdf", "orders.csv", "screenshot.png", "export.zip", "report (2).pdf", "données été.csv",
        ]
        let sizes: [Int64] = [184_320, 4_096, 1_048_576, 25_000_000, 2_621_440, 51_200]
        for (index, id) in ids.enumerated() {
            let session = library.addSession(id, state: index == ids.count - 1 ? .running : .finished)
            for step in 0...(index + 1) {
                let pick = (index * 2 + step) % names.count
                library.addFile(names[pick], size: sizes[pick], in: session.id)
            }
        }
        library.addFile("empty.txt", size: 0, in: library.sessions.last?.id)
        if hasShared { library.addFile("shared-handbook.pdf", size: 733_184) }
        return library
    }

    /// A library of a kind, good to look at: sessions, machines or directories, and for Hoody two transfers.
    public static func demo(kind: String, begin: Date) -> SimulatedLibrary {
        switch kind {
        case "vagon":
            let library = Self.demo(seed: 4, begin: begin, sessions: ["100", "101"], hasShared: true)
            library.addFile("session-100.mp4", size: 9_437_184, in: "100", role: .recording)
            library.addFile("C:\\Users\\vagon\\Downloads\\setup.zip", size: 65_536, in: "101", role: .machineContent)
            return library
        case "hoody":
            let library = Self.demo(seed: 5, begin: begin, sessions: ["Downloads", "Documents"], hasShared: true)
            library.addDemoTransfers(begin: begin)
            return library
        default:
            return Self.demo(seed: UInt64(kind.utf8.reduce(0) { $0 &* 31 &+ Int($1) }.magnitude), begin: begin)
        }
    }

    private func addDemoTransfers(begin: Date) {
        self.addTransfer(
            SimulatedTransfer(
                id: self.makeUUID(),
                directory: "Downloads",
                filename: "dataset.zip",
                url: "https://files.example.com/dataset.zip",
                state: .downloading,
                receivedBytes: 52_428_800,
                expectedBytes: 104_857_600,
                startedAt: begin
            )
        )
        self.addTransfer(
            SimulatedTransfer(
                id: self.makeUUID(),
                directory: "Downloads",
                filename: "missing.csv",
                url: "https://files.example.com/missing.csv",
                state: .failed,
                startedAt: begin,
                endedAt: begin.addingTimeInterval(5),
                error: "REMOTE_FILE_NOT_FOUND"
            )
        )
    }
}
