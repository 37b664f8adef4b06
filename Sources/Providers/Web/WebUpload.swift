// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore

/// One try to take a file in that a caller or another provider gives: bytes under a temporary name, then one rename.
struct WebUpload {
    let work: UploadWork
    let source: UploadSource
    let report: CreateReport
    let folder: WebFolder
    let quota: WebQuota
    let maxBytes: Int64
    let now: @Sendable () -> Date

    /// What a later try goes on from.
    private struct Checkpoint: Codable {
        /// Bytes that would survive a loss of power.
        var bytes: Int64
        /// Of which file.
        var revision: String
    }

    /// How often the bytes so far are made durable.
    private static let keepInterval: TimeInterval = 1
    /// Room is set aside in such steps where nobody says how large the file is.
    private static let reserveStep: Int64 = 16 << 20

    /// Takes in what is missing, checks the whole and brings it to its place.
    func run() async throws(ProviderError) -> WebFile {
        do throws(ProviderError) {
            let partial = try await self.partial()
            try await self.read(into: partial)
            return try await self.publish(partial)
        } catch {
            self.folder.release(self.work.id)
            throw error
        }
    }

    private func partial() async throws(ProviderError) -> PartialFile {
        let kept = self.work.checkpoint.flatMap { try? JSONDecoder().decode(Checkpoint.self, from: $0) }
        let mayGoOn = self.source.size != nil && self.source.continues(kept?.revision)
        let known = mayGoOn ? max(0, kept?.bytes ?? 0) : 0
        return try await self.storing { () async throws(StorageError) in
            try await self.folder.partial(self.work.id, keeping: known)
        }
    }

    private func read(into partial: PartialFile) async throws(ProviderError) {
        try self.check(self.source.size ?? 0)
        var reserved = self.source.size ?? partial.length
        try await self.reserve(reserved, partial)
        var body = try await self.source.open(partial.length).makeAsyncIterator()
        var keptAt = self.now()
        self.tell(partial.length)
        do throws(ProviderError) {
            while let bytes = try await body.next() {
                let length = partial.length + Int64(bytes.readableBytes)
                try self.check(length)
                if length > reserved {
                    reserved = length + Self.reserveStep
                    try await self.reserve(reserved, partial)
                }
                try await self.storing { () async throws(StorageError) in try await partial.append(bytes) }
                self.tell(length)
                if self.now().timeIntervalSince(keptAt) >= Self.keepInterval {
                    await self.keep(partial)
                    keptAt = self.now()
                }
            }
        } catch {
            await self.keep(partial)
            throw error
        }
        guard self.source.size ?? partial.length == partial.length else {
            throw WebFailures.failure(.incomplete, .now, "The source's bytes are not as many as it promised.")
        }
    }

    private func reserve(_ bytes: Int64, _ partial: PartialFile) async throws(ProviderError) {
        let room = min(bytes, max(self.maxBytes, partial.length))
        let (work, quota, written) = (self.work, self.quota, partial.length)
        try await self.storing { () async throws(StorageError) in
            try await self.folder.reserve(room, for: work.id, of: work.owner, written: written, quota)
        }
    }

    private func check(_ length: Int64) throws(ProviderError) {
        guard length <= self.maxBytes else {
            throw WebFailures.failure(.tooLarge, .never, "The file has more than \(self.maxBytes) bytes.")
        }
    }

    private func tell(_ bytes: Int64) {
        self.report.progress(
            CreateProgress(name: self.work.request.filename, receivedBytes: bytes, totalBytes: self.source.size)
        )
    }

    /// Makes the bytes so far durable, and keeps that they are.
    private func keep(_ partial: PartialFile) async {
        guard !self.source.isOnce else { return }
        let checkpoint = Checkpoint(bytes: partial.length, revision: self.source.revision)
        guard (try? await partial.sync()) != nil, let data = try? JSONEncoder().encode(checkpoint) else { return }
        await self.report.keep(data, nil)
    }

    private func publish(_ partial: PartialFile) async throws(ProviderError) -> WebFile {
        let digest = partial.digest
        if let expected = self.source.digest(), expected != digest {
            throw WebFailures.failure(.checksumMismatch, .never, "The file's SHA-256 is \(digest).")
        }
        let file = WebFile(
            id: self.work.id,
            owner: self.work.owner,
            directory: try DirectoryName.read(self.work.request.directory),
            name: self.work.request.filename,
            mimeType: self.work.request.mimeType,
            size: partial.length,
            sha256: digest,
            sourceURL: nil,
            createdAt: self.work.createdAt,
            completedAt: self.now()
        )
        let naming: WebFolder.Naming = self.work.request.overwrites ? .replacing : .exact
        return try await self.storing { () async throws(StorageError) in
            try await self.folder.publish(partial, as: file, naming)
        }
    }

    private func storing<Value>(
        _ call: () async throws(StorageError) -> Value
    ) async throws(ProviderError) -> Value {
        do throws(StorageError) { return try await call() } catch { throw error.providerError }
    }
}
