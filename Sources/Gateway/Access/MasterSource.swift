// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Where the master secret comes from: the configuration, else `secret.key` in the storage folder.
///
/// While the file is being exchanged there is a second one beside it, `secret.key.next`: which of the two is right is
/// said by the store.
struct MasterSource: Sendable {
    let configured: Secret?
    let storage: String

    init(configured: Secret?, storage: String) {
        self.configured = configured.flatMap { $0.isEmpty ? nil : $0 }
        self.storage = storage
    }

    var path: String { self.storage + "/secret.key" }
    private var nextPath: String { self.path + ".next" }

    /// For people: what holds the master secret.
    var place: String { self.configured == nil ? self.path : "secrets.key" }

    /// The master secret for a store that hangs on none yet.
    func first() throws(MasterSecret.Failure) -> SymmetricKey {
        try MasterSecret.load(configured: self.configured, storage: self.storage)
    }

    /// The master secret with this id.
    ///
    /// Throws `wrongMaster` where there is only another.
    func master(_ id: String) throws(MasterSecret.Failure) -> SymmetricKey {
        if let configured {
            guard let key = MasterSecret.decode(configured.reveal()) else { throw .malformedSetting }
            guard MasterSecret.id(of: key) == id else { throw .wrongMaster(place: self.place) }
            return key
        }
        let key = try MasterSecret.readFile(self.path)
        if MasterSecret.id(of: key) == id { return key }
        if access(self.nextPath, F_OK) == 0 {
            let next = try MasterSecret.readFile(self.nextPath)
            if MasterSecret.id(of: next) == id { return next }
        }
        throw .wrongMaster(place: self.place)
    }

    // MARK: Exchanging the file

    /// Writes the next master secret beside the one in use; one that an earlier exchange left there was never used.
    func stage(_ next: SymmetricKey) throws(MasterSecret.Failure) {
        unlink(self.nextPath)
        guard try MasterSecret.create(self.nextPath, holding: next) else {
            throw .unusableFile(path: self.nextPath, reason: "it exists")
        }
        try self.syncFolder()
    }

    /// Ends an exchange to the master secret with this id; nothing where there is none to end.
    func promote(_ id: String) throws(MasterSecret.Failure) {
        guard self.configured == nil, try MasterSecret.id(of: MasterSecret.readFile(self.path)) != id else { return }
        // Of two that end it at once, the second finds nothing to rename, and the right file in its place.
        guard rename(self.nextPath, self.path) == 0 || errno == ENOENT else {
            throw .unusableFile(path: self.nextPath, reason: MasterSecret.systemReason())
        }
        try self.syncFolder()
        guard try MasterSecret.id(of: MasterSecret.readFile(self.path)) == id else {
            throw .wrongMaster(place: self.place)
        }
    }

    /// Runs `work` unless another process is exchanging the master secret of this storage folder.
    func exclusively<Value>(_ work: () async throws -> Value) async throws -> Value {
        let folder = open(self.storage, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else {
            throw MasterSecret.Failure.unusableFile(path: self.storage, reason: MasterSecret.systemReason())
        }
        defer { close(folder) }
        guard flock(folder, LOCK_EX | LOCK_NB) == 0 else {
            throw MasterSecret.Failure.unusableFile(path: self.path, reason: "another rotation is running")
        }
        return try await work()
    }

    /// A new or renamed file is only there for certain once its folder was written.
    private func syncFolder() throws(MasterSecret.Failure) {
        let folder = open(self.storage, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else {
            throw .unusableFile(path: self.storage, reason: MasterSecret.systemReason())
        }
        defer { close(folder) }
        guard fsync(folder) == 0 else {
            throw .unusableFile(path: self.storage, reason: MasterSecret.systemReason())
        }
    }
}
