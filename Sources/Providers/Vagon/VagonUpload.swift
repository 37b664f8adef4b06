// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes

/// One file that is put into Vagon, part by part, each to its own presigned link (providers.md, 4.5).
struct VagonUpload: Sendable {
    let api: VagonAPI
    let work: UploadWork
    let source: UploadSource
    let size: Int64
    let report: CreateReport
    let sleep: @Sendable (Duration) async throws -> Void

    /// What a later try goes on from; the links are permissions, so that it is sealed where it is kept.
    struct Checkpoint: Codable, Sendable {
        /// Vagon's number of the file.
        var file: String
        var links: [String]
        /// Of the parts that Vagon's store holds.
        var etags: [String]
        /// Of which file they are.
        var revision: String
        var size: Int64

        init?(_ kept: Data?) {
            guard let kept, let known = try? JSONDecoder().decode(Checkpoint.self, from: kept),
                known.etags.count <= known.links.count
            else { return nil }
            self = known
        }

        init(file: String, links: [String], revision: String, size: Int64) {
            (self.file, self.links, self.etags, self.revision, self.size) = (file, links, [], revision, size)
        }

        var data: Data { (try? JSONEncoder().encode(self)) ?? Data() }

        /// The bytes of a part: the size is split evenly, for nobody says what a megabyte is to Vagon.
        func range(ofPart index: Int) -> Range<Int64> {
            let count = Int64(max(1, self.links.count))
            let (base, extra) = self.size.quotientAndRemainder(dividingBy: count)
            func start(_ part: Int64) -> Int64 { part * base + min(part, extra) }
            return start(Int64(index))..<start(Int64(index) + 1)
        }
    }

    /// The pauses before a part is sent again.
    private static let pauses = [Duration.milliseconds(500), .seconds(1), .seconds(2)]
    /// The most parts of a file, as S3 has it.
    private static let mostParts = 10_000

    /// Puts the file there; returns Vagon's number of it.
    func run(in parent: String?) async throws(ProviderError) -> String {
        var checkpoint = try await self.begun(in: parent)
        let reader = UploadReader(self.source) { position in
            self.report.progress(
                CreateProgress(
                    name: self.work.request.filename,
                    receivedBytes: position,
                    totalBytes: self.size
                )
            )
        }
        while checkpoint.etags.count < checkpoint.links.count {
            let etag = try await self.putPart(checkpoint.etags.count, of: checkpoint, from: reader)
            checkpoint.etags.append(etag)
            await self.report.keep(checkpoint.data, nil)
        }
        // What a source promised that names a digest is known at its own end only.
        try await reader.finish(at: self.size)
        do throws(ProviderError) {
            try await self.api.complete(checkpoint.file, etags: checkpoint.etags)
        } catch {
            // What Vagon does not take as it is will not be taken another time either: the next try begins anew.
            if case .failed = error.kind { try await self.drop(checkpoint) }
            throw error
        }
        return checkpoint.file
    }

    /// What an earlier try began, where it is of the same file; else a new one.
    private func begun(in parent: String?) async throws(ProviderError) -> Checkpoint {
        if let known = Checkpoint(self.work.checkpoint) {
            if known.size == self.size, self.source.continues(known.revision) { return known }
            try await self.api.discard(file: known.file)
        }
        let made = try await self.api.create(self.work.request, size: self.size, parent: parent)
        let links = made.links
        guard links.count <= Self.mostParts, !links.isEmpty || self.size == 0 else {
            throw ProviderError(.malformedResponse, message: "Vagon named \(links.count) places for the file's parts.")
        }
        let checkpoint = Checkpoint(
            file: made.id.text,
            links: links,
            revision: self.source.revision,
            size: self.size
        )
        await self.report.keep(checkpoint.data, nil)
        return checkpoint
    }

    /// Sends one part, again where that may help; returns the store's `ETag` of it.
    private func putPart(
        _ index: Int,
        of checkpoint: Checkpoint,
        from reader: UploadReader
    ) async throws(ProviderError) -> String {
        let range = checkpoint.range(ofPart: index)
        let stream = UpstreamStream(length: Int64(range.count), contentType: nil) { () async throws(ProviderError) in
            try await reader.part(range)
        }
        var pauses = Self.pauses[...]
        while true {
            do throws(ProviderError) {
                return try await self.api.put(stream, at: checkpoint.links[index])
            } catch {
                if error.kind == .upstream(status: 403) {
                    // A link that has expired cannot be asked anew.
                    try await self.drop(checkpoint)
                    throw ProviderError(
                        .unavailable,
                        retry: .now,
                        message: "Vagon's store refused its own link for a part."
                    )
                }
                guard error.retry != .never, !self.source.isOnce, let pause = pauses.popFirst() else { throw error }
                do { try await self.sleep(pause) } catch { throw .cancelled }
            }
        }
    }

    /// Forgets what was begun, so that the next try begins with a new file.
    private func drop(_ checkpoint: Checkpoint) async throws(ProviderError) {
        try await self.api.discard(file: checkpoint.file)
        await self.report.keep(Data(), nil)
    }
}
