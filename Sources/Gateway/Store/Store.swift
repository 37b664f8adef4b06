// SPDX-License-Identifier: Apache-2.0

import GRDB

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The two SQLite files of a gateway: `sluice.sqlite` for what it knows, `logs.sqlite` for what happened.
///
/// The log has its own file, so that its steady writing never holds up anything else. Several processes may have one
/// store open.
public final class Store: Sendable {
    /// Keys, the catalogue, and what else is known.
    let database: DatabasePool
    /// The log.
    let logs: DatabasePool
    /// The folder of both files.
    public let directory: String

    /// Opens the store in `directory`, which is made (mode 0700) where it is missing, and brings its schema up to date.
    public init(directory: String) throws(StoreError) {
        self.directory = directory
        try Self.makeDirectory(directory)
        self.database = try Self.openPool(directory + "/sluice.sqlite", synchronous: "NORMAL", Migrations.main)
        self.logs = try Self.openPool(directory + "/logs.sqlite", synchronous: "FULL", Migrations.logs)
    }

    /// Ends all connections; for the end of the process and of tests.
    public func close() throws(StoreError) {
        do {
            try self.database.close()
            try self.logs.close()
        } catch {
            throw StoreError(error, path: self.directory)
        }
    }

    private static func openPool(
        _ path: String,
        synchronous: String,
        _ migrator: DatabaseMigrator
    ) throws(StoreError) -> DatabasePool {
        try Self.makeFile(path)
        var configuration = GRDB.Configuration()
        configuration.busyMode = .timeout(5)
        configuration.foreignKeysEnabled = true
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = \(synchronous)")
        }
        do {
            let pool = try DatabasePool(path: path, configuration: configuration)
            guard try pool.read(migrator.hasBeenSuperseded) == false else { throw StoreError.newerSchema(path: path) }
            try migrator.migrate(pool)
            return pool
        } catch let error as StoreError {
            throw error
        } catch {
            throw StoreError(error, path: path)
        }
    }

    private static func makeDirectory(_ path: String) throws(StoreError) {
        var parts: [Substring] = []
        for part in path.split(separator: "/", omittingEmptySubsequences: false) {
            parts.append(part)
            let folder = parts.joined(separator: "/")
            guard !folder.isEmpty, mkdir(folder, 0o700) != 0, errno != EEXIST else { continue }
            // A parent that exists may not be ours to write to; only the last folder must be there in the end.
            guard access(folder, F_OK) != 0 else { continue }
            throw .notWritable(path: folder, reason: String(cString: strerror(errno)))
        }
        guard access(path, W_OK | X_OK) == 0 else {
            throw .notWritable(path: path, reason: String(cString: strerror(errno)))
        }
    }

    /// Makes the file before SQLite does, which would let others read it.
    ///
    /// The journal files take its mode.
    private static func makeFile(_ path: String) throws(StoreError) {
        let file = systemOpen(path)
        guard file >= 0 else { throw .notWritable(path: path, reason: String(cString: strerror(errno))) }
        defer { systemClose(file) }
        guard fchmod(file, 0o600) == 0 else {
            throw .notWritable(path: path, reason: String(cString: strerror(errno)))
        }
    }
}

// Outside of the type, in which `close` is its own method.
private func systemOpen(_ path: String) -> Int32 { open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600) }
private func systemClose(_ file: Int32) { _ = close(file) }
