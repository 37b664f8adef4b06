// SPDX-License-Identifier: Apache-2.0

import Foundation

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Blocking calls on folders, for ``onFileThread(_:)``.
enum FolderCalls {
    /// What of a disk is left alone, so that the store beside the files can go on working: this much, or a twentieth of a small disk.
    private static let reserve: Int64 = 64 << 20

    /// Makes a folder (0700) with those above it.
    static func make(_ path: String) throws(StorageError) {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
            throw .last("mkdir")
        }
        try self.make(String(path[..<slash]))
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .last("mkdir") }
    }

    /// Gives a folder another name, in one step.
    static func move(_ path: String, to other: String) throws(StorageError) {
        guard rename(path, other) == 0 else { throw .last("rename") }
    }

    /// Returns when the names in a folder would survive a loss of power.
    static func sync(_ path: String) throws(StorageError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last("open") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .last("fsync") }
    }

    /// Removes a folder with all that is in it, as far as it goes.
    static func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }

    /// The names in a folder; none where it cannot be read.
    static func names(_ path: String) -> [String] { (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }

    /// When a folder last changed.
    static func changed(_ path: String) -> Date? {
        (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
    }

    /// Bytes that may be written on the disk of a folder.
    static func room(_ path: String) throws(StorageError) -> Int64 {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw .last("statvfs") }
        let block = Int64(clamping: status.f_frsize)
        let (free, overflows) = Int64(clamping: status.f_bavail).multipliedReportingOverflow(by: block)
        let size = Int64(clamping: status.f_blocks).multipliedReportingOverflow(by: block).partialValue
        return (overflows ? .max : free) - min(Self.reserve, max(0, size) / 20)
    }
}
