// SPDX-License-Identifier: Apache-2.0

import Downloads
import Logging

extension DownloadLibrary {
    /// Opens a file's bytes: all of them where `ranges` is empty, one part, or several one after the other.
    ///
    /// Several need the file's size; where the catalogue does not have it, the whole file is opened. Throws as
    /// ``open(_:at:range:)``, and `rangeNotSatisfiable` also where the parts would send more than the file itself, or would
    /// have a whole body of the upstream read anew more than twice. A body that breaks off is told in the operator's log.
    func open(_ download: Download, ranges: [ByteRange]) async throws(ProviderError) -> OpenedContent {
        try Self.checkHasBytes(download)
        guard let place = Place(download.reference, in: self.directory.current.providers) else { throw .notFound() }
        var opened =
            ranges.count > 1
            ? try await self.open(download, at: place, several: ranges)
            : try await self.open(download, at: place, range: ranges.first)
        let (logger, provider) = (self.logger, download.reference.provider)
        opened.body = opened.body.reporting { error in
            logger.warning(
                "A download broke off: \(error.message)",
                metadata: ["provider": "\(provider)", "cause": "\(error.cause ?? "-")"]
            )
        }
        return opened
    }

    private func open(
        _ download: Download,
        at place: Place,
        several ranges: [ByteRange]
    ) async throws(ProviderError) -> OpenedContent {
        var download = download
        // The second time is for a file that turned out to have another size than was listed.
        for _ in 1...2 {
            guard let size = download.size else { return try await self.open(download, at: place, range: nil) }
            let parts = try ranges.parts(size: size)
            guard parts.count > 1 else {
                return try await self.open(download, at: place, range: parts.first.map(ByteRange.init))
            }
            let begun = try await self.begin(download, at: place, ByteRange(parts[0]))
            download = begun.download
            guard download.size == size else { continue }
            return try self.opened(begun.content, of: download, size: size, parts, from: place)
        }
        throw ProviderError(.malformedResponse, message: "The upstream's file changes while it is opened.")
    }

    private func opened(
        _ content: Content,
        of download: Download,
        size: Int64,
        _ parts: [ClosedRange<Int64>],
        from place: Place
    ) throws(ProviderError) -> OpenedContent {
        var opened = OpenedContent(download: download, totalSize: size, mimeType: content.mimeType, body: content.body)
        opened.parts = parts
        if content.range == nil {
            let (skipped, stepsBack) = parts.readingWholeBodies
            guard stepsBack <= 2 else {
                throw .rangesRefused(size: size, "The ranges do not ascend, and the upstream sends whole files only.")
            }
            opened.skipped = skipped
        }
        opened.body = ContentBody(
            reading: PartReader(parts, size: size, first: content) { part throws(ProviderError) in
                let request = ContentRequest(range: ByteRange(part))
                return self.unbroken(
                    try await place.provider.content(of: download.reference, request),
                    of: download,
                    at: place
                )
            }
        )
        return opened
    }
}

extension [ByteRange] {
    /// The parts of a file of `size` bytes that are meant, in the order in which they are asked for; never none.
    ///
    /// Ranges without a byte are left out. Throws `rangeNotSatisfiable` where none is left, and where the parts together
    /// are more than the file, so that overlapping ranges cannot multiply the work (CVE-2011-3192).
    func parts(size: Int64) throws(ProviderError) -> [ClosedRange<Int64>] {
        let parts = self.compactMap { $0.resolved(size: size) }
        guard !parts.isEmpty else { throw .rangesRefused(size: size, "No byte of the file lies in the ranges.") }
        var left = size
        for part in parts {
            guard part.byteCount <= left else {
                throw .rangesRefused(size: size, "The ranges overlap, and together are more than the file.")
            }
            left -= part.byteCount
        }
        return parts
    }
}

extension [ClosedRange<Int64>] {
    /// What it takes to cut these parts out of whole bodies: the bytes that go by, and how often one is read from its start again.
    fileprivate var readingWholeBodies: (skipped: Int64, stepsBack: Int) {
        var (skipped, stepsBack, position): (Int64, Int, Int64) = (0, 0, 0)
        for part in self {
            if part.lowerBound < position {
                stepsBack += 1
                position = 0
            }
            let sum = skipped.addingReportingOverflow(part.lowerBound - position)
            skipped = sum.overflow ? .max : sum.partialValue
            position = part.upperBound + 1
        }
        return (skipped, stepsBack)
    }
}

extension ClosedRange<Int64> {
    /// How many bytes a part of a file has.
    var byteCount: Int64 { self.upperBound - self.lowerBound + 1 }
}

extension ByteRange {
    fileprivate init(_ part: ClosedRange<Int64>) { self = .bounded(first: part.lowerBound, last: part.upperBound) }
}

extension ProviderError {
    static func rangesRefused(size: Int64?, _ message: String) -> ProviderError {
        ProviderError(.rangeNotSatisfiable(size: size), message: message)
    }
}
