// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Logging
import NIOCore

/// A file that was opened: what is known of it, and its bytes.
struct OpenedContent: Sendable {
    var download: Download
    /// The part of the file that ``body`` is; `nil`: all of it.
    var range: ClosedRange<Int64>?
    /// The size of the whole file, where known.
    var totalSize: Int64?
    /// The bytes of ``body``, where known; the body ends with an error where it does not keep to it.
    var length: Int64?
    /// The upstream's media type, where the catalogue has none.
    var mimeType: String?
    /// The several parts of the file that ``body`` is, one after the other; empty where not several were asked for.
    var parts: [ClosedRange<Int64>] = []
    /// How many bytes of the upstream's bodies go by unsent, before and between what was asked for.
    var skipped: Int64 = 0
    var body: ContentBody
}

extension DownloadLibrary {
    /// What is known of a file before its bytes are opened; the upstream is asked only for what the catalogue lacks.
    func preview(_ place: Place, bypassesCache: Bool) async throws(ProviderError) -> Download {
        let lasting = Freshness(freshFor: self.freshness.staleFor, staleFor: self.freshness.staleFor)
        // Where names are identities, a newer file may have taken the name; a file of an id stays what it is.
        let freshness = bypassesCache ? nil : place.provider.capabilities.namesAreIdentity ? self.freshness : lasting
        return try await self.download(place, freshness: freshness)
    }

    /// Opens a file's bytes, one range of them or all.
    ///
    /// Throws `notReady` or `failed` for a download without bytes, `rangeNotSatisfiable` where no byte is in the range, and
    /// `malformedResponse` where the upstream's length contradicts the listed size even after the listing was asked anew.
    func open(_ download: Download, at place: Place, range: ByteRange?) async throws(ProviderError) -> OpenedContent {
        let wanted = try Self.bounded(range, size: download.size)
        let begun = try await self.begin(download, at: place, wanted)
        var opened = try Self.opened(begun.content, of: begun.download, wanted)
        if opened.range == nil {
            let namesAreIdentity = place.provider.capabilities.namesAreIdentity
            opened.body = self.digests.measuring(opened.body, of: begun.download, namesAreIdentity: namesAreIdentity)
        }
        return opened
    }

    /// Asks for bytes, and for the listing anew where the answer contradicts it.
    func begin(
        _ download: Download,
        at place: Place,
        _ wanted: ByteRange?
    ) async throws(ProviderError) -> (content: Content, download: Download) {
        var download = download
        var content: Content
        do throws(ProviderError) {
            content = try await place.provider.content(of: download.reference, ContentRequest(range: wanted))
        } catch {
            if error.kind == .notFound { await self.catalogue.forget(download.reference) }
            throw error
        }
        if Self.contradicts(content, download) {
            download = try await self.download(place, freshness: nil)
            guard !Self.contradicts(content, download) else {
                throw ProviderError(
                    .malformedResponse,
                    message: "The upstream's file does not have the size that the upstream lists."
                )
            }
        }
        return (self.unbroken(content, of: download, at: place), download)
    }

    /// An answer whose body goes on where the upstream breaks off, as far as that can be done.
    func unbroken(_ content: Content, of download: Download, at place: Place) -> Content {
        let unbroken = UnbrokenBody(
            content,
            of: download,
            from: place.provider,
            policy: self.resuming,
            resumed: self.resumed,
            logger: self.logger
        )
        guard let unbroken else { return content }
        var content = content
        content.body = unbroken.body(content.body)
        return content
    }

    static func checkHasBytes(_ download: Download) throws(ProviderError) {
        switch download.status {
        case .completed: return
        case .queued, .downloading:
            throw ProviderError(.notReady, message: "The file has not arrived yet.")
        case .cancelled:
            throw ProviderError(.conflict, message: "The download was cancelled; it has no bytes.")
        case .failed:
            let failure = download.failure ?? DownloadFailure(code: .incomplete, message: "The download failed.")
            throw ProviderError(.failed(failure), message: failure.message)
        }
    }

    /// The range in absolute positions, where the size is known.
    private static func bounded(_ range: ByteRange?, size: Int64?) throws(ProviderError) -> ByteRange? {
        guard let range, let size else { return range }
        guard let bytes = range.resolved(size: size) else {
            throw ProviderError(.rangeNotSatisfiable(size: size), message: "No byte of the file lies in that range.")
        }
        return .bounded(first: bytes.lowerBound, last: bytes.upperBound)
    }

    private static func contradicts(_ content: Content, _ download: Download) -> Bool {
        guard let size = download.size else { return false }
        if let total = content.totalSize, total != size { return true }
        return content.range == nil && content.length.map { $0 != size } ?? false
    }

    /// Cuts the range out of a whole answer where the upstream has none, and holds the body to its length.
    private static func opened(
        _ content: Content,
        of download: Download,
        _ wanted: ByteRange?
    ) throws(ProviderError) -> OpenedContent {
        let size = download.size ?? content.totalSize ?? (content.range == nil ? content.length : nil)
        var opened = OpenedContent(
            download: download,
            range: content.range,
            totalSize: size,
            length: content.length ?? (content.range.map { $0.upperBound - $0.lowerBound + 1 } ?? size),
            mimeType: content.mimeType,
            body: content.body
        )
        if content.range == nil, let wanted, let size {
            guard let bytes = wanted.resolved(size: size) else {
                throw ProviderError(
                    .rangeNotSatisfiable(size: size),
                    message: "No byte of the file lies in that range."
                )
            }
            opened.range = bytes
            opened.length = bytes.byteCount
            opened.skipped = bytes.lowerBound
            opened.body = content.body.cut(to: bytes)
        } else {
            // A digest is of the whole file, so that a part of it can only be held to its length.
            opened.body = content.body.held(to: opened.length, sha256: content.range == nil ? download.checksum : nil)
        }
        return opened
    }
}

extension ContentBody {
    /// Only the bytes of `range` of this whole body; the rest behind them is not read.
    func cut(to range: ClosedRange<Int64>) -> ContentBody {
        ContentBody(reading: CutReader(self.makeReader(), range))
    }
}

/// The one iteration of a part of a body.
private final class CutReader: ContentReader {
    private let source: any ContentReader
    private var skip: Int64
    private var rest: Int64

    init(_ source: any ContentReader, _ range: ClosedRange<Int64>) {
        self.source = source
        self.skip = range.lowerBound
        self.rest = range.upperBound - range.lowerBound + 1
    }

    func next() async throws(ProviderError) -> ByteBuffer? {
        while self.rest > 0 {
            guard var buffer = try await self.source.next() else { throw .brokenOff }
            let skipped = min(self.skip, Int64(buffer.readableBytes))
            self.skip -= skipped
            buffer.moveReaderIndex(forwardBy: Int(skipped))
            let length = Int(min(self.rest, Int64(buffer.readableBytes)))
            guard let slice = buffer.readSlice(length: length), length > 0 else { continue }
            self.rest -= Int64(length)
            return slice
        }
        return nil
    }
}
