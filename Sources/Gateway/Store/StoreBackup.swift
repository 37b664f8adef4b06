// SPDX-License-Identifier: Apache-2.0

public import Foundation
import GRDB

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A copy of a whole store in one file, made while a gateway reads and writes it: a tar of both SQLite files.
///
/// Each of them is as it was at one moment. The master secret is not in it, nor are the files that the `web` provider keeps.
public struct StoreBackup: Sendable {
    private let store: Store
    private let path: String
    private let now: @Sendable () -> Date

    /// Plans a backup to `path`.
    public init(of store: Store, to path: String, now: @escaping @Sendable () -> Date = { Date() }) {
        self.store = store
        self.path = path
        self.now = now
    }

    /// Writes the file (mode 0600); returns its size in bytes once it is on the disk.
    ///
    /// It is under its name only when it is whole. Throws ``StoreError/exists(path:)`` where something is there already: nothing is
    /// ever overwritten.
    @concurrent
    public func run() async throws(StoreError) -> Int64 {
        guard access(self.path, F_OK) != 0 else { throw .exists(path: self.path) }
        let partial = self.path + ".partial"
        let tar = try Self.create(partial)
        defer { unlink(partial) }
        do {
            for (name, pool) in [("sluice.sqlite", self.store.database), ("logs.sqlite", self.store.logs)] {
                try await self.add(name, of: pool, to: tar)
            }
            try tar.write(contentsOf: TarHeader.end)
            try tar.synchronize()
            let size = try tar.offset()
            try tar.close()
            try self.name(partial)
            return Int64(clamping: size)
        } catch let error as StoreError {
            throw error
        } catch {
            throw .notWritable(path: self.path, reason: error.localizedDescription)
        }
    }

    /// Adds one database, as it is at this moment.
    private func add(_ name: String, of pool: DatabasePool, to tar: FileHandle) async throws {
        let path = "\(self.path).\(name)"
        // Made before SQLite does, which would let others read it; SQLite takes an empty file for none.
        let copy = try Self.create(path)
        defer { unlink(path) }
        do {
            try await pool.writeWithoutTransaction { database in
                try database.execute(sql: "VACUUM INTO ?", arguments: [path])
            }
        } catch {
            throw StoreError(error, path: path)
        }
        let size = Int64(clamping: try copy.seekToEnd())
        try copy.seek(toOffset: 0)
        let seconds = Int64(self.now().timeIntervalSince1970)
        try tar.write(contentsOf: TarHeader.file(name, size: size, modified: seconds))
        while let bytes = try copy.read(upToCount: 1 << 20), !bytes.isEmpty { try tar.write(contentsOf: bytes) }
        try tar.write(contentsOf: TarHeader.padding(after: size))
    }

    /// Gives the finished file its name.
    private func name(_ partial: String) throws(StoreError) {
        // Unlike a rename, a link fails where somebody was faster.
        guard link(partial, self.path) == 0 else { throw Self.failure(self.path) }
        // So that the name outlives a power failure, too.
        let folder = open(URL(fileURLWithPath: self.path).deletingLastPathComponent().path, O_RDONLY | O_CLOEXEC)
        guard folder >= 0 else { return }
        try? FileHandle(fileDescriptor: folder, closeOnDealloc: true).synchronize()
    }

    /// A new file that only its owner reads.
    private static func create(_ path: String) throws(StoreError) -> FileHandle {
        let file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Self.failure(path) }
        return FileHandle(fileDescriptor: file, closeOnDealloc: true)
    }

    private static func failure(_ path: String) -> StoreError {
        errno == EEXIST ? .exists(path: path) : .notWritable(path: path, reason: String(cString: strerror(errno)))
    }
}
