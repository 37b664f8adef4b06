// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOConcurrencyHelpers
import NIOCore

/// The download jobs of Vagon: a link that is there after some questions.
final class VagonJobs: Sendable {
    struct Job {
        var object: SignedLinks.Object
        var pollsLeft: Int
    }

    private let jobs = NIOLockedValueBox<[Job]>([])
    private let polls: Int

    init(polls: Int) { self.polls = polls }

    /// Starts a job; answers its id.
    func start(_ object: SignedLinks.Object) -> Int {
        self.jobs.withLockedValue {
            $0.append(Job(object: object, pollsLeft: self.polls))
            return 5084 + $0.count
        }
    }

    /// Asks about a job: `nil` where there is none.
    func poll(_ id: Int) -> Job? {
        self.jobs.withLockedValue { jobs in
            guard jobs.indices.contains(id - 5085) else { return nil }
            jobs[id - 5085].pollsLeft -= 1
            return jobs[id - 5085]
        }
    }
}

extension VagonAPI {
    private struct DownloadBody: Decodable {
        var file_ids: [Int]?
        var directory_id: Int?
    }

    /// A single file has its link at once; several, or a directory, become a zip in a job.
    func startDownload(_ request: SimulatedRequest) throws -> SimulatedResponse {
        guard let body = try? JSONDecoder().decode(DownloadBody.self, from: Data(request.body.readableBytesView)),
            (body.file_ids == nil) != (body.directory_id == nil)
        else { throw Refusal(self.refuse(400, "directory_id or file_ids, integers, is required")) }
        if let ids = body.file_ids {
            let files = try ids.map { try self.file(number: $0) }
            guard let first = files.first else { throw Refusal(self.refuse(400, "file_ids is empty")) }
            guard files.count > 1 else { return self.single(first) }
            return self.zip(files)
        }
        let folder = try self.file(number: body.directory_id ?? 0, isFolder: true)
        return self.zip(self.library.files.filter { $0.parent == folder.number && !$0.isFolder })
    }

    private func file(number: Int, isFolder: Bool = false) throws -> SimulatedFile {
        guard let file = self.library.files.first(where: { $0.number == number && $0.isFolder == isFolder }),
            file.role != .machineContent
        else { throw Refusal(self.refuse(404, "File or directory not found")) }
        if let machine = file.session.flatMap(self.library.session), !machine.permitsDownload {
            throw Refusal(self.refuse(4710, "Permission required"))
        }
        return file
    }

    private func single(_ file: SimulatedFile) -> SimulatedResponse {
        let job = self.jobs.start(.file(file))
        let link: JSON =
            self.options.jobForSingleFile ? .null : .string(self.links.make(.file(file), below: self.storage))
        return self.answer([
            "url": link, "size": .int(file.size), "name": .string(file.name), "content_type": .string(file.mimeType),
            "download_id": .int(job),
        ])
    }

    private func zip(_ files: [SimulatedFile]) -> SimulatedResponse {
        let entries = files.map { StoredZip.Entry(name: $0.name, modifiedAt: $0.createdAt, contents: $0.contents) }
        let job = self.jobs.start(.zip(entries))
        return self.answer([
            "url": .null, "size": .int(files.reduce(0) { $0 + $1.size }), "name": "project-files.zip",
            "content_type": "application/zip", "download_id": .int(job),
        ])
    }

    func job(_ id: String) throws -> SimulatedResponse {
        guard let number = Int(id), let job = self.jobs.poll(number) else {
            throw Refusal(self.refuse(404, "Download not found"))
        }
        let link: JSON = job.pollsLeft > 0 ? .null : .string(self.links.make(job.object, below: self.storage))
        return self.answer(["id": .int(number), "type": "download", "url": link])
    }

    /// The older link of one file.
    func link(_ id: String) throws -> SimulatedResponse {
        let file = try self.file(number: Int(id) ?? -1)
        return self.answer([
            "url": .string(self.links.make(.file(file), below: self.storage)), "size": .int(file.size),
            "name": .string(file.name), "content_type": .string(file.mimeType),
        ])
    }

    /// A file, or a directory with all that is in it.
    func delete(_ id: String) throws -> SimulatedResponse {
        if id == "0" { throw Refusal(self.refuse(450, "A root folder cannot be deleted")) }
        if let number = Int(id), self.uploads.drop(number) { return self.answer([:]) }
        guard let number = Int(id),
            self.library.removeFiles(where: { $0.number == number && $0.role != .machineContent }) > 0
        else { throw Refusal(self.refuse(404, "File not found")) }
        return self.answer([:])
    }
}
