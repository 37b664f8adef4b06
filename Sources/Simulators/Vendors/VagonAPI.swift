// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore

/// Vagon's machines and lists; the downloads of files are in `VagonAPI+Downloads`.
struct VagonAPI: Sendable {
    let library: SimulatedLibrary
    let keys: SimulatedKeys
    let options: VagonSimulator.Options
    let links: SignedLinks
    let storage: String
    let now: SimulatorClock
    let jobs: VagonJobs
    let uploads = VagonUploads()
    private let signature: VagonSignature

    init(
        library: SimulatedLibrary,
        keys: SimulatedKeys,
        options: VagonSimulator.Options,
        links: SignedLinks,
        storage: String,
        now: @escaping SimulatorClock
    ) {
        self.library = library
        self.keys = keys
        self.options = options
        self.links = links
        self.storage = storage
        self.now = now
        self.jobs = VagonJobs(polls: options.jobPolls)
        self.signature = VagonSignature(keys: keys, now: now)
    }

    func answer(_ request: SimulatedRequest) -> SimulatedResponse {
        if let fault = self.signature.fault(of: request) { return self.refuse(401, "Unauthorized: \(fault)") }
        let key = VagonSignature.key(of: request)
        if let refusal = self.keys.refusal(of: key, unknown: "Unauthorized", self.refuse) { return refusal }
        let prefix = self.options.prefix
        let status = prefix + self.options.jobStatusPath.replacing("{id}", with: "*")
        let routes = [
            Route("GET", prefix + "/machines") { request, _ in try self.machines(request) },
            Route("GET", prefix + "/machines/*") { _, ids in
                self.answer(["machine": self.json(try self.machine(ids[0]))])
            },
            Route("POST", prefix + "/machines/*/list-content") { request, ids in try self.content(request, of: ids[0])
            },
            Route("GET", prefix + "/machines/*/files") { request, ids in try self.machineFiles(request, ids[0]) },
            Route("GET", prefix + "/files") { request, _ in try self.sharedFiles(request) },
            Route("GET", prefix + self.options.recordingsPath) { request, _ in try self.recordings(request) },
            Route("POST", prefix + "/files") { request, _ in try self.create(request) },
            Route("POST", prefix + "/files/*/complete") { request, ids in try self.complete(request, ids[0]) },
            Route("POST", prefix + "/files/download") { request, _ in try self.startDownload(request) },
            Route("GET", status) { _, ids in try self.job(ids[0]) },
            Route("GET", prefix + "/files/*/download") { _, ids in try self.link(ids[0]) },
            Route("DELETE", prefix + "/files/*") { _, ids in try self.delete(ids[0]) },
        ]
        return Routes(routes: routes) { self.refuse($0, $1) }.answer(request)
    }

    /// An envelope that says that all is well.
    func answer(_ fields: [String: JSON]) -> SimulatedResponse {
        let envelope: [String: JSON] = [
            "client_code": 200, "message": "OK", "timestamp": .string(self.now().iso8601Seconds),
        ]
        return .json(.object(envelope.merging(fields) { $1 }))
    }

    /// An envelope that says what is wrong; a code that is no HTTP status comes with another.
    func refuse(_ code: Int, _ message: String) -> SimulatedResponse {
        let isStatus = (400..<500).contains(code) && code < 440
        let status = isStatus ? code : self.options.hidesCodesIn200 ? 200 : 400
        let time = JSON.string(self.now().iso8601Seconds)
        return .json(["client_code": .int(code), "message": .string(message), "timestamp": time], status: status)
    }

    func machine(_ id: String) throws -> SimulatedSession {
        guard let machine = self.library.session(id) else { throw Refusal(self.refuse(404, "Machine not found")) }
        return machine
    }

    private func strict(_ request: SimulatedRequest, _ known: Set<String>) throws -> StrictQuery {
        try StrictQuery(request, only: known.union(["page", "per_page", "q"])) { self.refuse(400, $0) }
    }

    /// One page of `items` under `name`, with what the envelope says of it.
    private func page(
        _ name: String,
        of items: [JSON],
        _ query: StrictQuery,
        _ more: [String: JSON] = [:]
    ) throws -> SimulatedResponse {
        let page = try query.integer("page", 1...1_000_000, default: 1)
        let size = try query.integer("per_page", 1...100, default: 20)
        let next: JSON = Int64(items.count) > page * size ? .int(page + 1) : .null
        let fields: [String: JSON] = [
            name: .array(items.page(offset: (page - 1) * size, limit: size)), "count": .int(items.count),
            "page": .int(page),
            "next_page": next,
        ]
        return self.answer(fields.merging(more) { $1 })
    }

    private func machines(_ request: SimulatedRequest) throws -> SimulatedResponse {
        let query = try self.strict(request, ["time_left", "has_session_data", "assigned", "status"])
        return try self.page("machines", of: self.library.sessions.map(self.json), query)
    }

    private func json(_ machine: SimulatedSession) -> JSON {
        let status: JSON =
            switch machine.state {
            case .running: "running"
            case .starting: "starting"
            case .finished: "off"
            }
        let permissions: JSON = [
            "can_download_from_vagon_files": .bool(machine.permitsDownload),
            "can_download_from_vagon_workstation": .bool(machine.permitsDownload),
            "can_upload_to_vagon_files": .bool(machine.permitsUpload),
        ]
        return [
            "id": .string(machine.id), "type": "machine",
            "attributes": [
                "name": .string("Machine \(machine.id)"), "friendly_status": status, "region": "dublin",
                "machine_type": "spark", "file_storage_size": 25, "permissions": permissions, "user": .null,
                "last_session_start_at": .string(machine.createdAt.iso8601Seconds),
            ],
        ]
    }

    private func machineFiles(_ request: SimulatedRequest, _ id: String) throws -> SimulatedResponse {
        let query = try self.strict(request, ["parent_id"])
        let machine = try self.machine(id)
        guard machine.permitsDownload else { throw Refusal(self.refuse(4710, "Permission required")) }
        let files = self.library.files.filter { $0.session == machine.id && ($0.role == .download || $0.isFolder) }
        // Numbers in one list and texts in the other, as the vendor's documentation has them.
        return try self.files(files, query, id: { .string(String($0)) })
    }

    private func sharedFiles(_ request: SimulatedRequest) throws -> SimulatedResponse {
        let query = try self.strict(request, ["parent_id"])
        let files = self.library.files.filter { $0.session == nil && ($0.role == .download || $0.isFolder) }
        return try self.files(files, query, id: { .int($0) })
    }

    private func recordings(_ request: SimulatedRequest) throws -> SimulatedResponse {
        let query = try self.strict(request, ["parent_id", "machine_id"])
        let machine = query.text("machine_id")
        let files = self.library.files.filter { $0.role == .recording && (machine == nil || $0.session == machine) }
        return try self.files(files, query, id: { .int($0) })
    }

    private func files(_ files: [SimulatedFile], _ query: StrictQuery, id: (Int) -> JSON) throws -> SimulatedResponse {
        let wanted = query.text("parent_id").map { $0.isEmpty ? 0 : Int($0) ?? -1 } ?? 0
        let folder = files.first { $0.number == wanted && $0.isFolder }
        guard wanted == 0 || folder != nil else { throw Refusal(self.refuse(404, "Parent folder not found")) }
        let part = query.text("q")?.lowercased()
        let items = files.filter { ($0.parent ?? 0) == wanted && (part.map($0.name.lowercased().contains) ?? true) }
        let current: JSON = [
            "path": .string("/" + (folder?.name ?? "")), "parent_id": folder?.parent.map { .int($0) } ?? .null,
        ]
        return try self.page("files", of: items.map { Self.json($0, id: id) }, query, ["current": current])
    }

    private static func json(_ file: SimulatedFile, id: (Int) -> JSON) -> JSON {
        let fields: [String: JSON] = [
            "id": id(file.number), "name": .string(file.name), "object_type": file.isFolder ? "directory" : "file",
            "size": file.isFolder ? 0 : .int(file.size), "last_modified_date": .string(file.createdAt.iso8601Seconds),
        ]
        return .object(fields, without: file.missing)
    }

    /// What lies directly in a folder of the machine's own disk; only while it runs.
    private func content(_ request: SimulatedRequest, of id: String) throws -> SimulatedResponse {
        struct Body: Decodable { var path: String }
        let machine = try self.machine(id)
        guard machine.permitsDownload else { throw Refusal(self.refuse(4710, "Permission required")) }
        if machine.state == .starting { throw Refusal(self.refuse(4201, "Machine is not ready")) }
        guard machine.state == .running else { throw Refusal(self.refuse(400, "Machine is not running")) }
        guard let body = try? JSONDecoder().decode(Body.self, from: Data(request.body.readableBytesView)) else {
            throw Refusal(self.refuse(400, "path is required"))
        }
        let base = body.path.hasSuffix("\\") ? body.path : body.path + "\\"
        let inside = self.library.files(in: machine.id, role: .machineContent).filter { $0.name.hasPrefix(base) }
        var entries: [JSON] = []
        var seen: Set<String> = []
        for file in inside {
            let rest = file.name.dropFirst(base.count).split(separator: "\\", maxSplits: 1)
            guard let name = rest.first, seen.insert(String(name)).inserted else { continue }
            entries.append([
                "path": .string(base + name), "name": .string(String(name)), "is_directory": .bool(rest.count > 1),
            ])
        }
        return self.answer(["content": .array(entries)])
    }
}
