// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOCore

/// A zip that is streaming by: its files can be listed, or one of them read, once.
///
/// An actor, because the bytes of a file are pulled from another task than the one that found it.
actor ZipArchive {
    private let reader: ZipReader
    private var names = ZipFiles()

    /// Reads `body`, which the archive owns from now on: letting go of the archive ends the transfer.
    init(_ body: ContentBody, limits: ZipLimits = ZipLimits()) { self.reader = ZipReader(body, limits: limits) }

    /// Every file, with its size, in the archive's order; reads the archive to its directory.
    func files() async throws(ProviderError) -> [ZipFile] {
        var files: [ZipFile] = []
        while var file = try await self.nextFile() {
            if file.size == nil { file.size = try await self.count() }
            files.append(file)
        }
        return files
    }

    /// Goes to the next file, so that ``nextBytes()`` gives its bytes; `nil` after the last.
    func nextFile() async throws(ProviderError) -> ZipFile? {
        while let entry = try await self.reader.nextEntry() {
            if let file = self.names.file(for: entry) { return file }
        }
        return nil
    }

    /// Goes to a file, so that ``nextBytes()`` gives its bytes; `nil` where there is none such.
    func open(_ key: String) async throws(ProviderError) -> ZipFile? {
        while let file = try await self.nextFile() {
            if file.key == key { return file }
        }
        return nil
    }

    /// The next bytes of the opened file; `nil` after the last, once they are verified.
    func nextBytes() async throws(ProviderError) -> ByteBuffer? { try await self.reader.nextBytes() }

    /// The bytes of the file that was gone to.
    nonisolated var body: ContentBody {
        ContentBody {
            { () async throws(ProviderError) -> ByteBuffer? in try await self.nextBytes() }
        }
    }

    private func count() async throws(ProviderError) -> Int64 {
        var count: Int64 = 0
        while let bytes = try await self.reader.nextBytes() { count += Int64(bytes.readableBytes) }
        return count
    }
}

/// One file of an archive.
struct ZipFile: Hashable, Sendable {
    /// What tells it from the others: `z:` and its name; of several with one name, `z2:`, `z3:` and so on.
    var key: String
    /// Its path inside the archive, not to be trusted.
    var name: String
    /// Its bytes, where they are known.
    var size: Int64?
}

/// Gives the files of one archive their keys, in its order.
private struct ZipFiles {
    private var counts: [String: Int] = [:]

    /// The file that an entry is; `nil` for a folder, and for a name that no reference can hold.
    mutating func file(for entry: ZipEntry) -> ZipFile? {
        guard !entry.isDirectory else { return nil }
        let count = (self.counts[entry.name] ?? 0) + 1
        self.counts[entry.name] = count
        guard let key = ItemKey.make(count == 1 ? "z" : "z\(count)", entry.name) else { return nil }
        return ZipFile(key: key, name: entry.name, size: entry.size)
    }
}
