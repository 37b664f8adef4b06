// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOConcurrencyHelpers

/// The folder of a `web` provider, and all that is known of it; the one owner of what is in it.
///
/// ```
/// <folder>/<id>/content, file.json      a whole file, and what is known of it
/// <folder>/.incoming/<id>/content       one on its way
/// ```
/// A file is made in `.incoming` and comes to its place by one rename of its own folder, with all that belongs to it: at no
/// moment is there a part of it. Names that callers or servers chose stand in `file.json` only; no path is made of them.
final class WebFolder: Sendable {
    private struct Index {
        var files: [UUID: WebFile] = [:]
        var usage = WebUsage()
        /// Names that are being given.
        var claims: Set<Claim> = []
    }

    private struct Claim: Hashable {
        let directory: String?
        let name: String
    }

    private let path: String
    private let index = NIOLockedValueBox(Index())
    private let loading = NIOLockedValueBox<Task<Result<Void, StorageError>, Never>?>(nil)

    /// Nothing is read before it is needed.
    init(_ path: String) { self.path = path }

    // MARK: What is there

    /// Every file, in no order.
    func files() async throws(StorageError) -> [WebFile] {
        try await self.load()
        return self.index.withLockedValue { Array($0.files.values) }
    }

    func file(_ id: UUID) async throws(StorageError) -> WebFile? {
        try await self.load()
        return self.index.withLockedValue { $0.files[id] }
    }

    /// Opens the bytes of a file; removing the file does not end what is open.
    func open(_ id: UUID) async throws(StorageError) -> OpenFile {
        let path = self.place(of: id) + "/content"
        return try await onFileThread { () throws(StorageError) in try OpenFile(reading: path) }
    }

    /// Removes a file; `missing` where there is none.
    func remove(_ id: UUID) async throws(StorageError) {
        try await self.load()
        let wasThere = self.index.withLockedValue { index in
            guard let file = index.files.removeValue(forKey: id) else { return false }
            index.usage.remove(file)
            return true
        }
        guard wasThere else { throw .missing }
        let (place, grave, folder) = (self.place(of: id), self.incoming(id) + ".gone", self.path)
        try await onFileThread { () throws(StorageError) in
            try FolderCalls.make(folder + "/.incoming")
            try FolderCalls.move(place, to: grave)
            try FolderCalls.sync(folder)
            FolderCalls.remove(grave)
        }
    }

    // MARK: What is on its way

    /// Opens the beginning of a file, of which the first `length` bytes are known to be right.
    func partial(_ id: UUID, keeping length: Int64) async throws(StorageError) -> PartialFile {
        try await self.load()
        let incoming = self.incoming(id)
        try await onFileThread { () throws(StorageError) in try FolderCalls.make(incoming) }
        return try await PartialFile.open(incoming + "/content", keeping: length)
    }

    /// Sets room aside for a file of `bytes`, of which `written` are there; throws `full` where there is not so much.
    func reserve(
        _ bytes: Int64,
        for id: UUID,
        of owner: String,
        written: Int64,
        _ quota: WebQuota
    ) async throws(StorageError) {
        try await self.load()
        let path = self.path
        let room = try await onFileThread { () throws(StorageError) in try FolderCalls.room(path) }
        let refusal = self.index.withLockedValue { index -> String? in
            if let most = quota.perKey, bytes > most - index.usage.bytes(of: owner, except: id) {
                return "The file does not fit into what this key may keep (\(most) bytes)."
            }
            if let most = quota.total, bytes > most - index.usage.bytes(of: nil, except: id) {
                return "The file does not fit into what may be kept in all (\(most) bytes)."
            }
            if bytes - written > room - index.usage.outstanding(except: id) {
                return "The file does not fit on the gateway's disk."
            }
            index.usage.reserve(bytes, for: id, of: owner, written: written)
            return nil
        }
        if let refusal { throw .full(refusal) }
    }

    /// Gives back what was set aside for a file.
    func release(_ id: UUID) { self.index.withLockedValue { $0.usage.release(id) } }

    /// What becomes of a file whose name another one has in its directory.
    enum Naming {
        /// It gets a number.
        case numbered
        /// It is refused as `taken`.
        case exact
        /// The other one is removed.
        case replacing
    }

    /// Brings a whole file to its place, under a name that no other has in its directory; returns once it would survive a loss
    /// of power.
    func publish(
        _ partial: PartialFile,
        as file: WebFile,
        _ naming: Naming = .numbered
    ) async throws(StorageError) -> WebFile {
        let named = try self.claim(file, naming)
        defer { self.unclaim(named) }
        try await partial.sync()
        let (incoming, place, folder) = (self.incoming(file.id), self.place(of: file.id), self.path)
        try await onFileThread { () throws(StorageError) in
            let facts = try OpenFile(writing: incoming + "/file.json")
            try facts.truncate(to: 0)
            let json = (try? JSONEncoder().encode(named)) ?? Data()
            let written: Result<Void, StorageError> = json.withUnsafeBytes { raw in
                do throws(StorageError) { return .success(try facts.write(raw, at: 0)) } catch {
                    return .failure(error)
                }
            }
            try written.get()
            try facts.sync()
            try FolderCalls.sync(incoming)
            try FolderCalls.move(incoming, to: place)
            try FolderCalls.sync(folder)
        }
        self.index.withLockedValue { index in
            index.usage.release(named.id)
            index.files[named.id] = named
            index.usage.add(named)
        }
        if naming == .replacing { try await self.removeOthers(named) }
        return named
    }

    /// The file that has a name in a directory.
    func file(named name: String, in directory: String?) async throws(StorageError) -> WebFile? {
        try await self.load()
        return self.index.withLockedValue { index in
            index.files.values.first { $0.directory == directory && $0.name == name }
        }
    }

    /// Removes the files whose place this one has taken.
    func removeOthers(_ file: WebFile) async throws(StorageError) {
        let others = self.index.withLockedValue { index in
            index.files.values.filter { $0.id != file.id && $0.directory == file.directory && $0.name == file.name }
        }
        for other in others {
            do throws(StorageError) { try await self.remove(other.id) } catch { if error != .missing { throw error } }
        }
    }

    /// Removes what there is of a file that will not come.
    func discard(_ id: UUID) async throws(StorageError) {
        self.release(id)
        let incoming = self.incoming(id)
        try await onFileThread { () throws(StorageError) in FolderCalls.remove(incoming) }
    }

    /// Removes what nobody came back for since a time.
    func discardIncoming(before time: Date) async throws(StorageError) {
        let folder = self.path + "/.incoming"
        let busy = self.index.withLockedValue { Set($0.usage.reservations.keys) }
        try await onFileThread { () throws(StorageError) in
            for name in FolderCalls.names(folder) {
                let path = folder + "/" + name
                let isBusy = UUID(uuidString: name).map(busy.contains) ?? false
                if !isBusy, FolderCalls.changed(path) ?? .distantFuture < time { FolderCalls.remove(path) }
            }
        }
    }

    // MARK: Names and places

    private func claim(_ file: WebFile, _ naming: Naming) throws(StorageError) -> WebFile {
        let claimed = self.index.withLockedValue { index -> WebFile? in
            let taken = Self.names(in: file.directory, index)
            var named = file
            var number = 1
            while naming != .replacing, taken.contains(named.name) {
                guard naming == .numbered else { return nil }
                number += 1
                named.name = SafeFilename.numbered(file.name, number)
            }
            index.claims.insert(Claim(directory: named.directory, name: named.name))
            return named
        }
        guard let claimed else { throw .taken }
        return claimed
    }

    /// The names that are given in a directory, or being given.
    private static func names(in directory: String?, _ index: Index) -> Set<String> {
        Set(index.files.values.lazy.filter { $0.directory == directory }.map(\.name))
            .union(index.claims.lazy.filter { $0.directory == directory }.map(\.name))
    }

    private func unclaim(_ file: WebFile) {
        self.index.withLockedValue { index in
            _ = index.claims.remove(Claim(directory: file.directory, name: file.name))
        }
    }

    private func place(of id: UUID) -> String { self.path + "/" + id.lowercaseText }
    private func incoming(_ id: UUID) -> String { self.path + "/.incoming/" + id.lowercaseText }

    // MARK: Loading

    /// Reads what is there, once; a failure is tried again by the next who needs it.
    private func load() async throws(StorageError) {
        let task = self.loading.withLockedValue { loading in
            if let loading { return loading }
            let task = Task {
                do throws(StorageError) {
                    let files = try await self.read()
                    self.index.withLockedValue { index in
                        for file in files {
                            index.files[file.id] = file
                            index.usage.add(file)
                        }
                    }
                    return Result<Void, StorageError>.success(())
                } catch {
                    self.loading.withLockedValue { $0 = nil }
                    return .failure(error)
                }
            }
            loading = task
            return task
        }
        try await task.value.get()
    }

    private func read() async throws(StorageError) -> [WebFile] {
        let folder = self.path
        return try await onFileThread { () throws(StorageError) in
            try FolderCalls.make(folder + "/.incoming")
            for name in FolderCalls.names(folder + "/.incoming") where name.hasSuffix(".gone") {
                FolderCalls.remove(folder + "/.incoming/" + name)
            }
            return FolderCalls.names(folder).compactMap { name in
                // A folder whose parts do not belong together is nothing that came here by a rename.
                guard let id = UUID(uuidString: name), id.lowercaseText == name,
                    let json = try? Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)/file.json")),
                    let file = try? JSONDecoder().decode(WebFile.self, from: json), file.id == id,
                    let content = try? OpenFile(reading: "\(folder)/\(name)/content"), (try? content.size) == file.size
                else { return nil }
                return file
            }
        }
    }
}
