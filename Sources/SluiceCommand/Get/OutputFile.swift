// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import NIOCore

/// Where a file is to lie, and the part of it that is there already.
struct OutputFile {
    /// Its path.
    let path: String

    /// Takes `output` for a file, or for a folder where it is one; without it, `name` in the working folder.
    ///
    /// Throws where a file is there that may not be replaced.
    init(_ output: String?, named name: String, mayReplace: Bool) throws {
        var isFolder: ObjCBool = false
        var path = output ?? name
        if let output, FileManager.default.fileExists(atPath: output, isDirectory: &isFolder), isFolder.boolValue {
            path = output.hasSuffix("/") ? output + name : "\(output)/\(name)"
        }
        guard mayReplace || !FileManager.default.fileExists(atPath: path) else {
            throw GetFailure(message: "\(path) is there already; --overwrite replaces it.")
        }
        self.path = path
    }

    /// Its name without the folder.
    var name: String { (self.path as NSString).lastPathComponent }

    /// What has come of the file that `etag` names; of another file it would be another part.
    func part(of etag: String?) throws -> PartFile {
        let mark = SHA256.hash(data: Data((etag ?? "").utf8)).prefix(6).hexadecimal
        return try PartFile("\(self.path).\(mark).part", keeping: etag != nil)
    }

    /// Makes a whole part the file.
    func take(_ part: PartFile) throws {
        try part.close()
        guard rename(part.path, self.path) == 0 else {
            throw GetFailure(message: "\(self.path) cannot be written: \(String(cString: strerror(errno))).")
        }
    }
}

/// A file in the making, and the digest of its bytes so far.
final class PartFile {
    let path: String
    private let handle: FileHandle
    private var hash = SHA256()
    /// Bytes so far.
    private(set) var count: Int64 = 0

    /// Opens it; with `keeping`, what is there counts, and is read once for its digest.
    init(_ path: String, keeping: Bool) throws {
        self.path = path
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | (keeping ? 0 : O_TRUNC), 0o644)
        guard file >= 0 else {
            throw GetFailure(message: "\(path) cannot be written: \(String(cString: strerror(errno))).")
        }
        self.handle = FileHandle(fileDescriptor: file, closeOnDealloc: true)
        while let bytes = try self.handle.read(upToCount: 1 << 20), !bytes.isEmpty {
            self.hash.update(data: bytes)
            self.count += Int64(bytes.count)
        }
    }

    /// Adds bytes at the end.
    func add(_ bytes: ByteBuffer) throws {
        let data = Data(bytes.readableBytesView)
        try self.handle.write(contentsOf: data)
        self.hash.update(data: data)
        self.count += Int64(data.count)
    }

    /// Forgets all of it.
    func clear() throws {
        try self.handle.truncate(atOffset: 0)
        self.hash = SHA256()
        self.count = 0
    }

    /// The SHA-256 of what is there, in lower-case hex.
    var digest: String {
        let hash = self.hash
        return hash.finalize().hexadecimal
    }

    /// Has it reach the disk, and closes it.
    func close() throws {
        try self.handle.synchronize()
        try self.handle.close()
    }
}
