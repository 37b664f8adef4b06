// SPDX-License-Identifier: Apache-2.0

import Foundation

extension HoodyAPI {
    /// `/api/v1/downloads` and one transfer below it.
    func transfers(_ request: SimulatedRequest, _ rest: ArraySlice<String>) throws -> SimulatedResponse {
        switch (request.method, rest.first) {
        case ("GET", nil):
            guard request.rawQuery.isEmpty else { throw self.badQuery }
            return self.active(in: nil)
        case ("DELETE", .some(let id)) where self.options.generation == .newer:
            let count = self.library.updateTransfers(where: { $0.id == id && $0.isActive }) { transfer in
                transfer.state = .cancelled
                transfer.endedAt = self.now()
            }
            guard count > 0 else { throw Refusal(self.refuse(404, "RESOURCE_NOT_FOUND", "No such download")) }
            return .json(["success": true, "message": "Download cancelled", "id": .string(id)], status: 202)
        default:
            throw Refusal(self.refuse(404, "RESOURCE_NOT_FOUND", "No such route"))
        }
    }

    private var badQuery: Refusal { Refusal(self.refuse(400, "INVALID_QUERY", "Unknown parameter")) }

    /// The queries on a directory that are about transfers; `nil` where the query only asks for an attachment.
    func transferQuery(_ request: SimulatedRequest, directory: String) throws -> SimulatedResponse? {
        if request.rawQuery == "downloads=" || request.rawQuery == "downloads" {
            guard self.isDirectory(directory) else {
                throw Refusal(self.refuse(404, "RESOURCE_NOT_FOUND", "No such directory"))
            }
            return self.active(in: directory)
        }
        if request.rawQuery == "download_history=" || request.rawQuery == "download_history" {
            guard directory.isEmpty else { throw self.badQuery }
            return .json(["history": .array(self.library.transfers.filter { !$0.isActive }.map(self.past))])
        }
        guard let url = request.value("download"), !url.isEmpty else { return nil }
        guard Set(request.query.map(\.name)).isSubset(of: ["download", "filename", "timeout"]) else {
            throw self.badQuery
        }
        return try self.start(url, into: directory, filename: request.value("filename"))
    }

    private func active(in directory: String?) -> SimulatedResponse {
        let transfers = self.library.transfers.filter { $0.isActive && (directory == nil || $0.directory == directory) }
        return .json(["downloads": .array(transfers.map(Self.active))])
    }

    private static func active(_ transfer: SimulatedTransfer) -> JSON {
        let percent = transfer.expectedBytes.map { Double(transfer.receivedBytes) / Double(max($0, 1)) * 100 }
        return [
            "id": .string(transfer.id), "filename": .string(transfer.filename), "file_path": .string(transfer.path),
            "directory": .string(transfer.directory), "url": .string(transfer.url),
            "status": .string(transfer.state.rawValue),
            "current_size": .int(transfer.receivedBytes),
            "expected_size": transfer.expectedBytes.map { .int($0) } ?? .null,
            "progress_percentage": percent.map { .number($0) } ?? .null,
            "start_time": .int(transfer.startedAt.unixSeconds),
        ]
    }

    private func past(_ transfer: SimulatedTransfer) -> JSON {
        let isNewer = self.options.generation == .newer
        let size: JSON = transfer.expectedBytes.map { .int($0) } ?? .null
        let error: JSON = transfer.error.map { .string($0) } ?? .null
        // A newer server cuts user and query off; an older one knows only two ends.
        let url = isNewer ? transfer.url.split(separator: "?").first.map(String.init) ?? "" : transfer.url
        let state = !isNewer && transfer.state == .cancelled ? "failed" : transfer.state.rawValue
        let end = transfer.endedAt ?? transfer.startedAt
        var fields: [String: JSON] = [
            "id": .string(transfer.id), "filename": .string(transfer.filename), "file_path": .string(transfer.path),
            "directory": .string(transfer.directory), "url": .string(url), "status": .string(state),
            "start_time": .int(transfer.startedAt.unixSeconds), "end_time": .int(end.unixSeconds),
        ]
        fields[isNewer ? "file_size" : "total_bytes"] = size
        fields[isNewer ? "error_message" : "error"] = error
        if isNewer { fields["duration"] = .int(Int64(end.timeIntervalSince(transfer.startedAt))) }
        return .object(fields)
    }

    /// Begins a transfer.
    ///
    /// The seed's server answers at once and has it under way; a newer one answers when it is done.
    private func start(_ url: String, into directory: String, filename: String?) throws -> SimulatedResponse {
        guard self.options.allowsDownload else {
            let status = self.options.generation == .seed ? 200 : 403
            throw Refusal(.json(["success": false, "error": "DOWNLOAD_FORBIDDEN"], status: status))
        }
        let parts = URLComponents(string: url)
        let name = filename ?? parts?.path.split(separator: "/").last.map(String.init) ?? "download"
        var transfer = SimulatedTransfer(
            id: self.library.makeUUID(),
            directory: directory,
            filename: name,
            url: url,
            state: .downloading,
            expectedBytes: 65_536,
            startedAt: self.now()
        )
        guard let host = parts?.host, ["http", "https"].contains(parts?.scheme) else {
            return self.started(transfer, error: "INVALID_URL")
        }
        guard host != "blocked.example" else { return self.started(transfer, error: "DOMAIN_BLOCKED") }
        if self.options.generation == .newer || host == "missing.example" {
            transfer.endedAt = self.now()
            transfer.error = host == "missing.example" ? "REMOTE_FILE_NOT_FOUND" : nil
            transfer.state = transfer.error == nil ? .completed : .failed
            transfer.receivedBytes = transfer.error == nil ? 65_536 : 0
        }
        self.library.addTransfer(transfer)
        if transfer.state == .completed { self.complete(transfer) }
        return self.started(transfer, error: self.options.generation == .newer ? transfer.error : nil)
    }

    private func complete(_ transfer: SimulatedTransfer) {
        let session = transfer.directory.isEmpty ? nil : transfer.directory
        self.library.addFile(
            transfer.filename,
            size: transfer.expectedBytes ?? 0,
            in: session,
            createdAt: transfer.endedAt
        )
    }

    private func started(_ transfer: SimulatedTransfer, error: String?) -> SimulatedResponse {
        let isNewer = self.options.generation == .newer
        let message: JSON = error != nil ? "Download failed" : isNewer ? "Download successful" : "Download started"
        let fields: JSON = [
            "download_id": .string(transfer.id), "filename": .string(transfer.filename), "path": .string(transfer.path),
            "success": .bool(error == nil), "message": message, "error": error.map { .string($0) } ?? .null,
        ]
        return .json(fields, status: isNewer ? (error == nil ? 201 : 400) : 200)
    }
}
