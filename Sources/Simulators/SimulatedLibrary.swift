// SPDX-License-Identifier: Apache-2.0

public import Foundation
import NIOConcurrencyHelpers
public import NIOCore

/// What an upstream holds: sessions, files and transfers, the same for the same seed.
///
/// It may change while it is served.
public final class SimulatedLibrary: Sendable {
    private struct State {
        var sessions: [SimulatedSession] = []
        var files: [SimulatedFile] = []
        var transfers: [SimulatedTransfer] = []
        var random: UInt64
        var made = 0
    }

    /// When the first thing in it came into being; each further one a minute later.
    public let begin: Date
    private let state: NIOLockedValueBox<State>

    /// An empty library; the default begin is 2026-11-20T08:00:00Z.
    public init(seed: UInt64 = 1, begin: Date = Date(timeIntervalSince1970: 1_795_161_600)) {
        self.begin = begin
        self.state = NIOLockedValueBox(State(random: seed))
    }

    /// All sessions, oldest first.
    public var sessions: [SimulatedSession] { self.state.withLockedValue { $0.sessions } }
    /// All files, oldest first.
    public var files: [SimulatedFile] { self.state.withLockedValue { $0.files } }
    /// All transfers, oldest first.
    public var transfers: [SimulatedTransfer] { self.state.withLockedValue { $0.transfers } }

    /// The session with an id.
    public func session(_ id: String) -> SimulatedSession? { self.sessions.first { $0.id == id } }
    /// The files of one session, or those outside of any, oldest first.
    public func files(in session: String?, role: SimulatedFile.Role = .download) -> [SimulatedFile] {
        self.files.filter { $0.session == session && $0.role == role }
    }

    /// Adds a session; without an id it gets a UUID.
    @discardableResult
    public func addSession(
        _ id: String? = nil,
        state: SimulatedSession.State = .finished,
        permitsDownload: Bool = true,
        permitsUpload: Bool = true
    ) -> SimulatedSession {
        self.state.withLockedValue { known in
            let session = SimulatedSession(
                id: id ?? Self.uuid(&known.random),
                createdAt: self.nextTime(&known),
                state: state,
                permitsDownload: permitsDownload,
                permitsUpload: permitsUpload
            )
            known.sessions.append(session)
            return session
        }
    }

    /// Adds a file; without a media type it gets that of its name.
    @discardableResult
    public func addFile(
        _ name: String,
        size: Int64,
        in session: String? = nil,
        role: SimulatedFile.Role = .download,
        parent: Int? = nil,
        mimeType: String? = nil,
        createdAt: Date? = nil,
        missing: Set<String> = []
    ) -> SimulatedFile {
        self.state.withLockedValue { known in
            let type = mimeType ?? Self.mimeType(of: name)
            let contents = SimulatedContents(seed: splitMix(&known.random), size: size, isText: type.hasPrefix("text/"))
            let time = self.nextTime(&known)
            let file = SimulatedFile(
                number: 6730 + known.made,
                id: Self.uuid(&known.random),
                session: session,
                name: name,
                parent: parent,
                role: role,
                mimeType: type,
                createdAt: createdAt ?? time,
                missing: missing,
                contents: contents
            )
            known.files.append(file)
            return file
        }
    }

    /// Adds a file with bytes that somebody has put there; without a number of its own it gets the next one.
    @discardableResult
    public func addFile(
        _ name: String,
        bytes: ByteBuffer,
        in session: String? = nil,
        role: SimulatedFile.Role = .download,
        parent: Int? = nil,
        number: Int? = nil,
        mimeType: String? = nil
    ) -> SimulatedFile {
        self.state.withLockedValue { known in
            let time = self.nextTime(&known)
            let file = SimulatedFile(
                number: number ?? 6730 + known.made,
                id: Self.uuid(&known.random),
                session: session,
                name: name,
                parent: parent,
                role: role,
                mimeType: mimeType ?? Self.mimeType(of: name),
                createdAt: time,
                missing: [],
                contents: SimulatedContents(given: bytes, seed: splitMix(&known.random))
            )
            known.files.append(file)
            return file
        }
    }

    /// A number for a file that is yet to come.
    func takeNumber() -> Int {
        self.state.withLockedValue { known in
            _ = self.nextTime(&known)
            return 6730 + known.made
        }
    }

    /// Adds a transfer, under way or past.
    public func addTransfer(_ transfer: SimulatedTransfer) {
        self.state.withLockedValue { $0.transfers.append(transfer) }
    }

    /// Changes a transfer where `isWanted`; answers how many.
    @discardableResult
    public func updateTransfers(
        where isWanted: (SimulatedTransfer) -> Bool,
        _ change: (inout SimulatedTransfer) -> Void
    ) -> Int {
        self.state.withLockedValue { known in
            let indices = known.transfers.indices.filter { isWanted(known.transfers[$0]) }
            for index in indices { change(&known.transfers[index]) }
            return indices.count
        }
    }

    /// Removes the files where `isWanted`, and what is in them; answers how many were wanted.
    @discardableResult
    public func removeFiles(where isWanted: (SimulatedFile) -> Bool) -> Int {
        self.state.withLockedValue { known in
            var gone = Set(known.files.filter(isWanted).map(\.number))
            let wanted = gone.count
            var before = -1
            while before != gone.count {
                before = gone.count
                gone.formUnion(known.files.filter { $0.parent.map(gone.contains) ?? false }.map(\.number))
            }
            known.files.removeAll { gone.contains($0.number) }
            return wanted
        }
    }

    /// Removes a session; its files stay, unreachable.
    public func removeSession(_ id: String) {
        self.state.withLockedValue { $0.sessions.removeAll { $0.id == id } }
    }

    /// A UUID that depends on the seed and on what was added before.
    func makeUUID() -> String { self.state.withLockedValue { Self.uuid(&$0.random) } }

    private func nextTime(_ known: inout State) -> Date {
        known.made += 1
        // The odd milliseconds show who rounds.
        return self.begin.addingTimeInterval(Double(known.made) * 60 + 0.125)
    }

    private static func uuid(_ random: inout UInt64) -> String {
        let (high, low) = (splitMix(&random), splitMix(&random))
        let digits = [high, low].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - $0 * 8)) } }
        var hex = Array(digits.hex)
        hex[12] = "4"
        hex[16] = "a"
        return [hex[0..<8], hex[8..<12], hex[12..<16], hex[16..<20], hex[20..<32]].map { String($0) }.joined(
            separator: "-"
        )
    }

    private static func mimeType(of name: String) -> String {
        switch name.split(separator: ".").last {
        case "pdf": "application/pdf"
        case "csv": "text/csv"
        case "txt": "text/plain"
        case "png": "image/png"
        case "zip": "application/zip"
        case "json": "application/json"
        case "mp4": "video/mp4"
        default: "application/octet-stream"
        }
    }
}

/// A browser session or a machine.
public struct SimulatedSession: Sendable {
    /// How it does.
    public enum State: Sendable {
        /// It runs.
        case running
        /// It will run soon; Vagon refuses with 4201.
        case starting
        /// It has ended, or is off.
        case finished
    }

    /// Its id; for Vagon a number.
    public let id: String
    /// When it began.
    public let createdAt: Date
    /// How it does.
    public let state: State
    /// Vagon's permission switch.
    public let permitsDownload: Bool
    /// Vagon's other permission switch.
    public let permitsUpload: Bool
}

/// A transfer of Hoody's, by which a file comes from a URL.
public struct SimulatedTransfer: Sendable {
    /// How far it is.
    public enum State: String, Sendable {
        case starting, downloading, completed, failed, cancelled
    }

    /// A UUID.
    public var id: String
    /// The directory that the file goes to; empty for the root.
    public var directory: String
    /// The file's name.
    public var filename: String
    /// Where it comes from.
    public var url: String
    /// How far it is.
    public var state: State
    /// Bytes so far.
    public var receivedBytes: Int64
    /// Bytes in all, where known.
    public var expectedBytes: Int64?
    /// When it began.
    public var startedAt: Date
    /// When it ended.
    public var endedAt: Date?
    /// The vendor's word for what went wrong.
    public var error: String?

    /// Creates a transfer.
    public init(
        id: String,
        directory: String,
        filename: String,
        url: String,
        state: State,
        receivedBytes: Int64 = 0,
        expectedBytes: Int64? = nil,
        startedAt: Date,
        endedAt: Date? = nil,
        error: String? = nil
    ) {
        self.id = id
        self.directory = directory
        self.filename = filename
        self.url = url
        self.state = state
        self.receivedBytes = receivedBytes
        self.expectedBytes = expectedBytes
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.error = error
    }

    /// Whether it is under way.
    public var isActive: Bool { self.state == .starting || self.state == .downloading }
    /// The file's whole path.
    public var path: String { self.directory.isEmpty ? self.filename : "\(self.directory)/\(self.filename)" }
}
