// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore

/// Hoody's tree of files; its transfers are in `HoodyAPI+Transfers`.
struct HoodyAPI: Sendable {
    let library: SimulatedLibrary
    let keys: SimulatedKeys
    let options: HoodySimulator.Options
    let now: SimulatorClock

    func answer(_ request: SimulatedRequest) -> SimulatedResponse {
        guard request.isWhole || request.method == "PUT" else { return self.refuse(400, "BAD_REQUEST", "Broken off") }
        let refusal = self.keys.refusal(of: request.authorization("Bearer"), unknown: "A token is required") {
            self.refuse($0, [401: "UNAUTHORIZED", 403: "ACCESS_FORBIDDEN"][$0] ?? "RATE_LIMITED", $1)
        }
        if let refusal { return refusal }
        do {
            return try self.route(request)
        } catch let refusal as Refusal {
            return refusal.response
        } catch {
            return self.refuse(500, "INTERNAL", "\(error)")
        }
    }

    private func route(_ request: SimulatedRequest) throws -> SimulatedResponse {
        let segments = request.segments
        guard !segments.contains("..") else {
            throw Refusal(self.refuse(400, "INVALID_PATH", "The path leaves the root"))
        }
        if segments.starts(with: ["api", "v1", "downloads"]) {
            return try self.transfers(request, segments.dropFirst(3))
        }
        if segments.starts(with: ["api", "v1", "files", "stat"]) && request.method == "GET" {
            return try self.stat(segments.dropFirst(4).joined(separator: "/"))
        }
        if segments.starts(with: ["api", "v1", "files"]) {
            let path = segments.dropFirst(3).joined(separator: "/")
            return try self.file(request, path.trimmingSlashes, isAPI: true)
        }
        return try self.file(request, segments.joined(separator: "/").trimmingSlashes, isAPI: false)
    }

    /// The kit's error body; the seed puts the word under `error`, newer servers under `code`.
    func refuse(_ status: Int, _ code: String, _ message: String) -> SimulatedResponse {
        let isHidden = self.options.hidesFailuresIn200 && status != 401
        var fields: [String: JSON] = ["success": false]
        switch self.options.generation {
        case .seed:
            fields["error"] = .string(code)
        case .newer:
            fields["error"] = .string(message)
            fields["code"] = .string(code)
        }
        return .json(.object(fields), status: isHidden ? 200 : status)
    }

    private func file(_ request: SimulatedRequest, _ path: String, isAPI: Bool) throws -> SimulatedResponse {
        switch (request.method, isAPI) {
        case ("GET", _):
            // Below the API these two are ignored.
            if !isAPI,
                request.query.contains(where: { ["download", "downloads", "download_history"].contains($0.name) })
            {
                if let answer = try self.transferQuery(request, directory: path) { return answer }
            }
            guard let file = self.file(at: path) else { return try self.directory(request, path, isAPI: isAPI) }
            return try self.content(request, of: file, isAPI: isAPI)
        case ("HEAD", false):
            guard let file = self.file(at: path) else { throw self.missing }
            return .ranged(file, for: request, isWeak: self.options.hasWeakETags)
        case ("PUT", _):
            return try self.put(request, path)
        case ("DELETE", _):
            return try self.delete(path)
        default:
            throw Refusal(self.refuse(405, "METHOD_NOT_ALLOWED", "Method not allowed"))
        }
    }

    private var missing: Refusal { Refusal(self.refuse(404, "RESOURCE_NOT_FOUND", "No such file or directory")) }

    private func content(_ request: SimulatedRequest, of file: SimulatedFile, isAPI: Bool) throws -> SimulatedResponse {
        let names = Set(request.query.map(\.name))
        guard names.isSubset(of: ["hash", "sha256", "download"]) else {
            throw Refusal(self.refuse(400, "INVALID_QUERY", "Unknown parameter"))
        }
        guard names.contains("hash") || names.contains("sha256") else {
            return .ranged(file, for: request, isWeak: self.options.hasWeakETags)
        }
        let digest = file.contents.sha256
        return isAPI ? .json(["hash": .string(digest), "algorithm": "sha256"]) : .text(digest)
    }

    private func stat(_ path: String) throws -> SimulatedResponse {
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        var fields: [String: JSON] = [
            "name": .string(name), "path": .string(path), "permissions": "rw-r--r--", "owner": "user", "group": "user",
            "is_symlink": false, "symlink_target": .null, "revisions": 0,
        ]
        if let file = self.file(at: path) {
            fields["path_type"] = "File"
            fields["size"] = .int(file.size)
            fields["mtime"] = .int(file.createdAt.unixMilliseconds)
        } else if self.isDirectory(path) {
            fields["path_type"] = "Dir"
            fields["size"] = 4096
            fields["mtime"] = .int(self.library.begin.unixMilliseconds)
        } else {
            throw self.missing
        }
        return .json(.object(fields))
    }

    private func directory(_ request: SimulatedRequest, _ path: String, isAPI: Bool) throws -> SimulatedResponse {
        guard self.isDirectory(path) else { throw self.missing }
        let entries = self.entries(of: path)
        if isAPI {
            let items = entries.map { name, file in
                JSON.object([
                    "name": .string(name), "is_dir": .bool(file == nil), "size": .int(file?.size ?? 4096),
                    "modified": file.map { .int($0.createdAt.unixSeconds) } ?? .null, "revisions": 0,
                ])
            }
            return .json(["path": .string(path), "entries": .array(items), "count": .int(items.count)])
        }
        guard request.query.contains(where: { $0.name == "json" }) else {
            return .text("<!doctype html><title>Index of /\(path.percentEncoded)</title>", type: "text/html")
        }
        let items = entries.map { name, file in
            JSON.object([
                "name": .string(name), "path_type": file == nil ? "Dir" : "File", "size": .int(file?.size ?? 4096),
                "mtime": .int((file?.createdAt ?? self.library.begin).unixMilliseconds), "revisions": 0,
            ])
        }
        return .json(["paths": .array(items), "kind": "Index", "href": .string("/" + path)])
    }

    /// A file, or a directory with all that is in it.
    private func delete(_ path: String) throws -> SimulatedResponse {
        guard !path.isEmpty else { throw Refusal(self.refuse(403, "ACCESS_FORBIDDEN", "The root cannot be deleted")) }
        let gone = Set(
            self.tree.filter { $0.path.isExactly(path) || $0.path.startsExactly(with: path + "/") }.map(\.file.number)
        )
        self.library.removeFiles { gone.contains($0.number) }
        guard !gone.isEmpty else {
            guard self.library.session(path) != nil else { throw self.missing }
            self.library.removeSession(path)
            return .json(["success": true, "path": .string(path)])
        }
        return .json(["success": true, "path": .string(path)])
    }

    /// Writes a file in place of one that is there, with the folders above it; what broke off stays as far as it came.
    private func put(_ request: SimulatedRequest, _ path: String) throws -> SimulatedResponse {
        guard Set(request.query.map(\.name)).isSubset(of: ["append", "chmod"]) else {
            throw Refusal(self.refuse(400, "INVALID_QUERY", "Unknown parameter"))
        }
        guard !self.isDirectory(path) else { throw Refusal(self.refuse(403, "ACCESS_FORBIDDEN", "It is a directory")) }
        var bytes = ByteBuffer()
        if let old = self.file(at: path) {
            if request.value("append") == "true" { bytes = old.contents.bytes(in: 0..<old.size) }
            self.library.removeFiles { $0.number == old.number }
        }
        bytes.writeImmutableBuffer(request.body)
        let parts = path.split(separator: "/").map(String.init)
        let folder = parts.dropLast().joined(separator: "/")
        self.library.addFile(parts.last ?? "", bytes: bytes, in: folder.isEmpty ? nil : folder)
        return .json(
            ["path": .string(path), "size": .int(bytes.readableBytes), "success": true, "message": "File uploaded"],
            status: 201
        )
    }

    private func file(at path: String) -> SimulatedFile? { self.tree.last { $0.path.isExactly(path) }?.file }

    /// Every file with its path; of two with one path the later counts.
    private var tree: [(path: String, file: SimulatedFile)] {
        let files = self.library.files
        let folders = Dictionary(files.filter(\.isFolder).map { ($0.number, $0) }) { $1 }
        return files.filter { $0.role == .download }.map { file in
            var parts = [file.name]
            var parent = file.parent
            while let folder = parent.flatMap({ folders[$0] }) {
                parts.insert(folder.name, at: 0)
                parent = folder.parent
            }
            if let session = file.session { parts.insert(session, at: 0) }
            return (parts.joined(separator: "/"), file)
        }
    }

    func isDirectory(_ path: String) -> Bool {
        path.isEmpty || self.library.sessions.contains { $0.id == path || $0.id.startsExactly(with: path + "/") }
            || self.tree.contains { $0.path.startsExactly(with: path + "/") }
    }

    /// What lies directly in a directory, by name; `nil` for directories.
    private func entries(of path: String) -> [(String, SimulatedFile?)] {
        let base = path.isEmpty ? "" : path + "/"
        var entries: [[UInt8]: SimulatedFile?] = [:]
        let directories = self.library.sessions.map { ($0.id + "/", SimulatedFile?.none) }
        let files = self.tree.map { ($0.path, Optional($0.file)) }
        for (whole, file) in files + directories where whole.startsExactly(with: base) {
            let rest = whole.utf8.dropFirst(base.utf8.count)
            let name = Array(rest.prefix { $0 != UInt8(ascii: "/") })
            if !name.isEmpty { entries.updateValue(name.count == rest.count ? file : nil, forKey: name) }
        }
        return entries.map { (String(decoding: $0.key, as: UTF8.self), $0.value) }.sorted { $0.0 < $1.0 }
    }
}

extension String {
    fileprivate var trimmingSlashes: String {
        var slice = self[...]
        while slice.hasSuffix("/") { slice.removeLast() }
        return String(slice)
    }
}
