// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import NIOConcurrencyHelpers
import NIOCore

/// The beginning of a file that is being brought in: appended to by one task, measured and hashed on the way.
final class PartialFile: Sendable {
    private struct State {
        var length: Int64 = 0
        var hash = SHA256()
    }

    private let file: OpenFile
    /// Held while bytes are written; there is one writer, so that nobody waits for it.
    private let state = NIOLockedValueBox(State())

    private static let pieceSize = 1 << 20

    /// Opens the file, empty where it is missing, and takes up its first `length` bytes; what is behind them is dropped.
    ///
    /// Those bytes are read once: the state of a hash outlives no process. A file that is shorter is begun anew.
    static func open(_ path: String, keeping length: Int64) async throws(StorageError) -> PartialFile {
        try await onFileThread { () throws(StorageError) in
            let partial = PartialFile(try OpenFile(writing: path))
            try partial.take(try partial.file.size >= length ? length : 0)
            return partial
        }
    }

    private init(_ file: OpenFile) { self.file = file }

    private func take(_ length: Int64) throws(StorageError) {
        try self.file.truncate(to: length)
        var state = State()
        while state.length < length {
            let piece = try self.file.read(
                at: state.length,
                atMost: Int(min(Int64(Self.pieceSize), length - state.length))
            )
            guard piece.readableBytes > 0 else { throw .failed(call: "pread", code: 0) }
            piece.withUnsafeReadableBytes { state.hash.update(bufferPointer: $0) }
            state.length += Int64(piece.readableBytes)
        }
        self.state.withLockedValue { $0 = state }
    }

    /// Bytes so far.
    var length: Int64 { self.state.withLockedValue { $0.length } }

    /// The SHA-256 of the bytes so far, in lower-case hex.
    var digest: String { self.state.withLockedValue { $0.hash.finalize().map(\.self) }.hexadecimal }

    /// Writes what follows.
    func append(_ bytes: ByteBuffer) async throws(StorageError) {
        try await onFileThread { () throws(StorageError) in
            let result: Result<Void, StorageError> = self.state.withLockedValue { state in
                bytes.withUnsafeReadableBytes { raw in
                    do throws(StorageError) { try self.file.write(raw, at: state.length) } catch {
                        return .failure(error)
                    }
                    state.hash.update(bufferPointer: raw)
                    state.length += Int64(raw.count)
                    return .success(())
                }
            }
            try result.get()
        }
    }

    /// Drops all bytes.
    func restart() async throws(StorageError) {
        try await onFileThread { () throws(StorageError) in try self.take(0) }
    }

    /// Returns when the bytes so far would survive a loss of power.
    func sync() async throws(StorageError) {
        try await onFileThread { () throws(StorageError) in try self.file.sync() }
    }
}
