// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Transfer

/// One try to bring a URL in: from what an earlier one kept to a whole file, or to what the next one goes on from.
struct WebFetch {
    let work: CreateWork
    let report: CreateReport
    let folder: WebFolder
    let fetcher: WebFetcher
    let quota: WebQuota

    private let partial: PartialFile
    private var checkpoint: WebCheckpoint
    private var keptAt: Date
    private var reserved: Int64 = 0

    /// How often the bytes so far are made durable.
    private static let keepInterval: TimeInterval = 1
    /// Room is set aside in such steps where nobody says how large the file is.
    private static let reserveStep: Int64 = 16 << 20

    /// Takes up what an earlier try left.
    init(
        _ work: CreateWork,
        _ report: CreateReport,
        in folder: WebFolder,
        by fetcher: WebFetcher,
        _ quota: WebQuota
    ) async throws(ProviderError) {
        (self.work, self.report, self.folder, self.fetcher, self.quota) = (work, report, folder, fetcher, quota)
        var known = WebCheckpoint(work.checkpoint)
        do throws(StorageError) {
            self.partial = try await folder.partial(work.id, keeping: known.bytes)
        } catch {
            throw error.providerError
        }
        if self.partial.length < known.bytes { known = WebCheckpoint() }
        self.checkpoint = known
        self.keptAt = fetcher.now()
    }

    /// Fetches what is missing, checks the whole and brings it to its place.
    mutating func run() async throws(ProviderError) -> WebFile {
        do throws(ProviderError) {
            if !self.checkpoint.isWhole { try await self.fetch() }
            return try await self.finish()
        } catch {
            self.folder.release(self.work.id)
            if error.cause == WebFailures.changedCause {
                let isWholeOnly = self.checkpoint.isWholeOnly
                self.checkpoint = WebCheckpoint()
                self.checkpoint.isWholeOnly = isWholeOnly
                await self.report.keep(self.checkpoint.data, nil)
            } else {
                await self.keep()
            }
            throw error
        }
    }

    // MARK: Bytes

    private mutating func fetch() async throws(ProviderError) {
        let answer = try await self.fetcher.ask(self.work.request, after: self.checkpoint)
        if answer.head.range == nil {
            try await self.storing { () async throws(StorageError) in try await self.partial.restart() }
        }
        let isWholeOnly = self.checkpoint.isWholeOnly
        self.checkpoint = answer.checkpoint
        self.checkpoint.isWholeOnly = isWholeOnly
        self.checkpoint.bytes = self.partial.length
        try await self.reserve(self.checkpoint.total ?? self.partial.length)
        self.tell()
        if let segments = self.segments(of: answer) {
            do throws(ProviderError) {
                while let bytes = try await segments.read() { try await self.append(bytes) }
            } catch {
                // A server that does not keep to its ranges is asked for the rest as a whole from now on.
                if error.cause == WebFailures.changedCause { self.checkpoint.isWholeOnly = true }
                throw error
            }
        } else {
            try await self.read(answer)
        }
        if self.checkpoint.total == nil { self.checkpoint.total = self.partial.length }
    }

    private mutating func read(_ answer: WebFetcher.Answer) async throws(ProviderError) {
        var body = answer.body.makeAsyncIterator()
        var promise = PromisedLength(answer.head.length)
        while let bytes = try await Self.next(&body) {
            do throws(ProviderError) { try promise.take(bytes.readableBytes) } catch { throw WebFailures.tooLong }
            try await self.append(bytes)
        }
        do throws(ProviderError) { try promise.take(nil) } catch { throw WebFailures.tooShort }
    }

    /// Several connections, where the server has ranges, the file can be told from another one, and enough is missing.
    private func segments(of answer: WebFetcher.Answer) -> SegmentedBody? {
        let known = answer.checkpoint
        guard self.fetcher.connections > 1, answer.head.hasRanges, self.checkpoint.isWholeOnly != true,
            known.validator != nil,
            let total = known.total, total - self.partial.length >= SegmentedBody.worthwhile
        else { return nil }
        let (fetcher, request) = (self.fetcher, self.work.request)
        return SegmentedBody(
            answer.body,
            from: self.partial.length,
            to: total,
            connections: fetcher.connections
        ) { range throws(ProviderError) in try await fetcher.segment(range, of: request, known) }
    }

    private static func next(_ body: inout TransferBody.Iterator) async throws(ProviderError) -> ByteBuffer? {
        do throws(TransferError) { return try await body.next() } catch { throw WebFailures.failure(error) }
    }

    private mutating func append(_ bytes: ByteBuffer) async throws(ProviderError) {
        let length = self.partial.length + Int64(bytes.readableBytes)
        guard length <= self.fetcher.maxBytes else { throw self.fetcher.tooLarge }
        if length > self.reserved { try await self.reserve(length + Self.reserveStep) }
        let partial = self.partial
        try await self.storing { () async throws(StorageError) in try await partial.append(bytes) }
        self.tell()
        if self.fetcher.now().timeIntervalSince(self.keptAt) >= Self.keepInterval { await self.keep() }
    }

    private mutating func reserve(_ bytes: Int64) async throws(ProviderError) {
        let bytes = min(bytes, max(self.fetcher.maxBytes, self.partial.length))
        let (work, quota, written) = (self.work, self.quota, self.partial.length)
        try await self.storing { [folder = self.folder] () async throws(StorageError) in
            try await folder.reserve(bytes, for: work.id, of: work.owner, written: written, quota)
        }
        self.reserved = bytes
    }

    private func tell() {
        self.report.progress(
            CreateProgress(
                name: self.name,
                receivedBytes: self.partial.length,
                totalBytes: self.checkpoint.total
            )
        )
    }

    /// Makes the bytes so far durable, and keeps that they are.
    private mutating func keep() async {
        self.keptAt = self.fetcher.now()
        let length = self.partial.length
        guard (try? await self.partial.sync()) != nil else { return }
        self.checkpoint.bytes = length
        await self.report.keep(self.checkpoint.data, nil)
    }

    // MARK: The whole

    private mutating func finish() async throws(ProviderError) -> WebFile {
        let (work, digest) = (self.work, self.partial.digest)
        if let expected = work.request.checksum, expected != digest {
            throw WebFailures.failure(.checksumMismatch, .never, "The file's SHA-256 is \(digest).")
        }
        let file = WebFile(
            id: work.id,
            owner: work.owner,
            directory: try DirectoryName.read(work.request.directory),
            name: self.name,
            mimeType: self.checkpoint.mimeType,
            size: self.partial.length,
            sha256: digest,
            sourceURL: PublicURL.withoutCredentials(work.request.url),
            createdAt: work.createdAt,
            completedAt: self.fetcher.now()
        )
        return try await self.storing { [folder = self.folder, partial = self.partial] () async throws(StorageError) in
            try await folder.publish(partial, as: file)
        }
    }

    /// The name that the caller wants, else the server's.
    private var name: String {
        SafeFilename.make(from: self.work.request.filename ?? self.checkpoint.name ?? "")
    }

    private func storing<Value>(
        _ call: () async throws(StorageError) -> Value
    ) async throws(ProviderError) -> Value {
        do throws(StorageError) { return try await call() } catch { throw error.providerError }
    }
}

extension WebFailures {
    fileprivate static var tooLong: ProviderError {
        self.failure(.incomplete, .now, "The server sent more bytes than it promised.")
    }
    fileprivate static var tooShort: ProviderError {
        self.failure(.incomplete, .now, "The server's bytes ended too early.")
    }
}
