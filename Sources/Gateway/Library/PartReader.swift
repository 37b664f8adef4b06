// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOCore

/// Reads several parts of a file, one after the other, each when its turn comes.
///
/// An upstream with ranges is asked for each part. Of one that sends whole files, the same body is read on as long as the
/// parts ascend, and what lies between them goes by. At most one transfer is open at any time.
final class PartReader: ContentReader {
    /// Asks the upstream for one part.
    typealias Open = (ClosedRange<Int64>) async throws(ProviderError) -> Content

    private let size: Int64
    private let validator: String?
    private let open: Open
    /// The parts that are not read to their end.
    private var parts: ArraySlice<ClosedRange<Int64>>
    private var source: (any ContentReader)?
    private var isWhole = false
    /// Bytes of the source that are not passed on, and where in the file they begin.
    private var buffer = ByteBuffer()
    private var position: Int64 = 0

    /// Reads `parts` of a file of `size` bytes; `first` is the upstream's answer to the first of them.
    init(_ parts: [ClosedRange<Int64>], size: Int64, first: Content, open: @escaping Open) {
        self.size = size
        self.validator = first.validator
        self.open = open
        self.parts = parts[...]
        self.begin(first)
    }

    /// The next bytes, never of two parts; `nil` after the last part.
    func next() async throws(ProviderError) -> ByteBuffer? {
        guard let part = self.parts.first else { return nil }
        if self.source == nil { try await self.ask(for: part) }
        while true {
            if self.buffer.readableBytes == 0 {
                guard let buffer = try await self.source?.next() else { throw .brokenOff }
                self.buffer = buffer
            }
            self.skip(to: part.lowerBound)
            let rest = part.upperBound - self.position + 1
            let length = Int(min(rest, Int64(self.buffer.readableBytes)))
            guard let bytes = self.buffer.readSlice(length: length), length > 0 else { continue }
            self.position += Int64(length)
            if Int64(length) == rest { try await self.end(part) }
            return bytes
        }
    }

    private func begin(_ content: Content) {
        self.isWhole = content.range == nil
        self.position = content.range?.lowerBound ?? 0
        self.buffer = ByteBuffer()
        self.source = content.body.makeReader()
    }

    private func skip(to start: Int64) {
        let skipped = min(max(start - self.position, 0), Int64(self.buffer.readableBytes))
        self.buffer.moveReaderIndex(forwardBy: Int(skipped))
        self.position += skipped
    }

    /// Lets go of a source that has nothing for the next part.
    private func end(_ part: ClosedRange<Int64>) async throws(ProviderError) {
        self.parts.removeFirst()
        if !self.isWhole {
            // Of what runs longer than it promised, nothing is known to be right.
            guard self.buffer.readableBytes == 0, try await self.source?.next() == nil else { throw .brokenOff }
        } else if let next = self.parts.first, next.lowerBound > part.upperBound {
            return
        }
        self.source = nil
    }

    /// Asks for a later part, which must be one of the same file.
    private func ask(for part: ClosedRange<Int64>) async throws(ProviderError) {
        let content = try await self.open(part)
        let (range, total) = (content.range ?? 0...(self.size - 1), content.totalSize ?? self.size)
        let isSame = self.validator == nil || content.validator == nil || content.validator == self.validator
        guard isSame, total == self.size, content.range == nil || range == part,
            content.length ?? range.byteCount == range.byteCount
        else {
            throw ProviderError(
                .malformedResponse,
                message: "The upstream's file is not the one that its first part was of."
            )
        }
        self.begin(content)
    }
}
