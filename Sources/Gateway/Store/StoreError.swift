// SPDX-License-Identifier: Apache-2.0

import GRDB

/// Why the store cannot be used.
///
/// The texts hold paths and SQLite's words, never a value from a row.
public enum StoreError: Error, Hashable, Sendable {
    /// The folder or a file in it cannot be made or written.
    case notWritable(path: String, reason: String)
    /// Something is there already, where a new file was to be made.
    case exists(path: String)
    /// A file is not an SQLite database, or a damaged one.
    case corrupt(path: String)
    /// A file was written by a newer Sluice than this one.
    case newerSchema(path: String)
    /// An operation failed: the disk is full, the file is locked, …
    case failed(String)

    /// What `error` means for the database at `path`.
    init(_ error: any Error, path: String) {
        guard let error = error as? DatabaseError else {
            self = .failed(error is CancellationError ? "cancelled" : "unexpected \(type(of: error))")
            return
        }
        // SQLite's message without statement and arguments, in which there may be digests.
        let reason = "\(error.resultCode): \(error.message ?? "no message")"
        switch error.resultCode {
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .corrupt(path: path)
        case .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM: self = .notWritable(path: path, reason: reason)
        default: self = .failed(reason)
        }
    }
}

extension StoreError: CustomStringConvertible {
    /// What is wrong, in a sentence.
    public var description: String {
        switch self {
        case .notWritable(let path, let reason): "The store at \(path) cannot be written (\(reason))."
        case .exists(let path): "\(path) exists already; nothing is overwritten."
        case .corrupt(let path): "\(path) is damaged or no SQLite database."
        case .newerSchema(let path): "\(path) was written by a newer version of Sluice."
        case .failed(let reason): "The store failed (\(reason))."
        }
    }
}
