// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOCore

/// Reads a zip as it streams by, with bounded memory: entry after entry, the bytes of each on demand.
///
/// Stored and deflated entries, descriptors behind the data and ZIP64 sizes are understood. The checksum and the sizes of an
/// entry are verified at its end. Nothing is ever unpacked to a path. Not `Sendable`: ``ZipArchive`` owns it.
final class ZipReader {
    private var input: ZipInput
    private let limits: ZipLimits
    private var entries = 0
    private var unpackedInAll: Int64 = 0
    private var current: Current?

    /// The entry whose bytes are being read, and what was counted of it.
    private struct Current {
        let entry: ZipEntry
        var inflater: Inflater?
        var hasEnded = false
        var crc = RunningCRC()
        var packed: Int64 = 0
        var unpacked: Int64 = 0
    }

    init(_ body: ContentBody, limits: ZipLimits = ZipLimits()) {
        self.input = ZipInput(body, limit: limits.packedBytes)
        self.limits = limits
    }

    /// The next entry, after skipping what is left of the one before; `nil` where the archive's directory begins.
    func nextEntry() async throws(ProviderError) -> ZipEntry? {
        try await self.skip()
        var mark = try await self.input.bytes(4)
        guard let signature: UInt32 = mark.readInteger(endianness: .little) else {
            throw Self.malformed("is no zip")
        }
        switch signature {
        case 0x0403_4B50: break
        // The directory, or its end, or that of ZIP64, or a signature: files come only before them.
        case 0x0201_4B50, 0x0605_4B50, 0x0606_4B50, 0x0806_4B50: return nil
        default: throw Self.malformed("is no zip")
        }
        self.entries += 1
        guard self.entries <= self.limits.entries else { throw Self.malformed("holds too many files") }
        let fixed = try await self.input.bytes(26)
        guard let length = ZipEntry.variableLength(fixed),
            let entry = ZipEntry(fixed: fixed, variable: try await self.input.bytes(length))
        else { throw Self.malformed("has an impossible header") }
        self.current = Current(entry: entry)
        return entry
    }

    /// The next bytes of the entry; `nil` after the last, once they are verified.
    func nextBytes() async throws(ProviderError) -> ByteBuffer? {
        guard let entry = self.current?.entry else { return nil }
        guard !entry.isEncrypted else { throw Self.malformed("holds an encrypted file") }
        switch (entry.method, entry.packedSize) {
        case (0, let size?): return try await self.storedBytes(size)
        case (0, nil): return try await self.storedBytesBeforeDescriptor()
        case (8, _): return try await self.inflatedBytes()
        default: throw Self.malformed("is packed in a way (\(entry.method)) that is not understood")
        }
    }

    /// Passes over the rest of the entry; one of known length is not unpacked for it.
    private func skip() async throws(ProviderError) {
        if let current, let size = current.entry.packedSize {
            var rest = size - current.packed
            while rest > 0 { rest -= Int64(try await self.input.some(rest).readableBytes) }
            self.current = nil
        }
        while try await self.nextBytes() != nil {}
        self.current = nil
    }

    private func storedBytes(_ size: Int64) async throws(ProviderError) -> ByteBuffer? {
        let rest = size - (self.current?.packed ?? size)
        guard rest > 0 else { return try await self.finish() }
        let piece = try await self.input.some(rest)
        return try self.take(piece, packed: piece.readableBytes)
    }

    /// Without a length the data ends where a descriptor stands that says what was counted so far.
    private func storedBytesBeforeDescriptor() async throws(ProviderError) -> ByteBuffer? {
        let window = try await self.input.window(ZipDescriptor.longest)
        guard let current else { return nil }
        let counted = ZipDescriptor(crc: current.crc.value, packedSize: current.packed, size: current.unpacked)
        if counted.signedLength(in: window) != nil { return try await self.finish() }
        // Up to the next place where one may stand, or all but what may be the beginning of one.
        let count = ZipDescriptor.mark(in: window) ?? (window.readableBytes - 3)
        return try self.take(try await self.input.bytes(count), packed: count)
    }

    private func inflatedBytes() async throws(ProviderError) -> ByteBuffer? {
        if self.current?.inflater == nil { self.current?.inflater = try Inflater() }
        guard let inflater = self.current?.inflater else { return nil }
        while let current, !current.hasEnded {
            var window = try await self.input.window(1)
            if let size = current.entry.packedSize {
                // What follows the packed bytes is not theirs.
                let rest = min(Int(clamping: size - current.packed), window.readableBytes)
                window = window.getSlice(at: window.readerIndex, length: max(0, rest)) ?? ByteBuffer()
            }
            let step = try inflater.step(window)
            self.input.advance(step.consumed)
            self.current?.hasEnded = step.isEnd
            if let piece = try self.take(step.output, packed: step.consumed) { return piece }
        }
        return try await self.finish()
    }

    /// Counts a piece of the entry and holds it against the limits; an empty one is `nil`.
    private func take(_ piece: ByteBuffer, packed: Int) throws(ProviderError) -> ByteBuffer? {
        self.current?.packed += Int64(packed)
        self.current?.unpacked += Int64(piece.readableBytes)
        self.current?.crc.update(piece)
        self.unpackedInAll += Int64(piece.readableBytes)
        guard let current, current.unpacked <= current.entry.size ?? .max else {
            throw Self.malformed("holds more bytes of a file than it says")
        }
        guard self.unpackedInAll <= self.limits.unpackedBytes,
            self.limits.allows(current.unpacked, from: current.packed)
        else {
            throw Self.malformed("unpacks to too many bytes")
        }
        return piece.readableBytes > 0 ? piece : nil
    }

    /// Ends the entry: what was counted must be what the archive says.
    private func finish() async throws(ProviderError) -> ByteBuffer? {
        guard let current else { return nil }
        let counted = ZipDescriptor(crc: current.crc.value, packedSize: current.packed, size: current.unpacked)
        if current.entry.hasDescriptor {
            // At least a directory's end follows, so that there are always enough bytes for the longest form.
            guard let length = counted.length(in: try await self.input.window(ZipDescriptor.longest)) else {
                throw Self.malformed("holds a file that is not what its checksum says")
            }
            self.input.advance(length)
        } else {
            let entry = current.entry
            guard (entry.crc, entry.packedSize, entry.size) == (counted.crc, counted.packedSize, counted.size) else {
                throw Self.malformed("holds a file that is not what its checksum says")
            }
        }
        self.current = nil
        return nil
    }

    private static func malformed(_ what: String) -> ProviderError {
        ProviderError(.malformedResponse, message: "The upstream's archive \(what).")
    }
}

/// Bounds for an archive that comes from outside.
struct ZipLimits: Sendable {
    /// Bytes of the archive itself.
    var packedBytes: Int64 = 10_000_000_000
    /// Bytes of all its files.
    var unpackedBytes: Int64 = 10_000_000_000
    /// Its files.
    var entries = 10_000
    /// Bytes out for one byte in, once a file is larger than ``freeBytes``.
    ///
    /// Text seldom reaches 50; a bomb has 1000.
    var ratio: Int64 = 400
    /// Where the ratio begins to count.
    var freeBytes: Int64 = 64 << 20

    /// Whether so many bytes may come of so few.
    func allows(_ unpacked: Int64, from packed: Int64) -> Bool {
        let (most, overflows) = packed.multipliedReportingOverflow(by: self.ratio)
        return unpacked <= self.freeBytes || overflows || unpacked <= most
    }
}
