// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOConcurrencyHelpers
import NIOCore

/// A download as the source of a copy: opened at any offset, as long as it is certainly the same file.
final class CopySource: Sendable {
    private let library: DownloadLibrary
    private let place: DownloadLibrary.Place
    private let download: Download
    /// What was opened first; `nil` before.
    private let first = NIOLockedValueBox<Opened?>(nil)

    private struct Opened {
        /// The upstream's own.
        let validator: String?
    }

    init(_ download: Download, at place: DownloadLibrary.Place, in library: DownloadLibrary) {
        self.download = download
        self.place = place
        self.library = library
    }

    /// As a provider is given it.
    var source: UploadSource {
        UploadSource(
            size: self.download.size,
            revision: self.download.revision,
            digest: { self.download.checksum },
            open: { offset async throws(ProviderError) in try await self.open(from: offset) }
        )
    }

    private func open(from offset: Int64) async throws(ProviderError) -> ContentBody {
        guard offset < self.download.size ?? .max || offset == 0 else { return ContentBody(ByteBuffer()) }
        let wanted = offset == 0 ? nil : ByteRange.from(offset)
        let begun = try await self.library.begin(self.download, at: self.place, wanted)
        try self.check(begun.content, begun.download)
        let body = begun.content.body
        let size = self.download.size ?? begun.content.totalSize
        guard wanted != nil else {
            let mismatch = ProviderError.checksumMismatch("The source's bytes do not have the SHA-256 that it lists.")
            return body.held(to: size ?? begun.content.length, sha256: self.download.checksum, mismatch: mismatch)
        }
        guard let size else { throw Self.changed }
        guard let range = begun.content.range else { return body.cut(to: offset...size - 1) }
        guard range == offset...size - 1 else { throw Self.changed }
        return body.held(to: size - offset)
    }

    /// Throws where what was opened is not what was opened before.
    private func check(_ content: Content, _ download: Download) throws(ProviderError) {
        let isSame = self.first.withLockedValue { first in
            guard let known = first else {
                first = Opened(validator: content.validator)
                return true
            }
            guard let validator = known.validator, let other = content.validator else {
                // Where neither tells, it is not certainly the same file.
                return !download.revision.isEmpty
            }
            return validator == other
        }
        guard isSame, download.revision == self.download.revision else { throw Self.changed }
    }

    private static var changed: ProviderError {
        ProviderError(.unavailable, retry: .now, message: "The source changed while it was copied.")
    }
}

extension DownloadLibrary: CopySources {
    func source(_ reference: DownloadReference) async throws(ProviderError) -> UploadSource {
        guard let place = Place(reference, in: self.directory.current.providers) else {
            throw ProviderError(.unavailable, retry: .now, message: "The source's provider cannot be asked now.")
        }
        let download = try await self.download(place, freshness: self.freshness)
        try Self.checkHasBytes(download)
        return CopySource(download, at: place, in: self).source
    }

    func spooled(_ source: UploadSource) async throws(ProviderError) -> UploadSource {
        try await self.spools.fill(from: source).source(source)
    }
}
