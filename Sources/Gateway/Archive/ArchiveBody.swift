// SPDX-License-Identifier: Apache-2.0

import Downloads
import Logging
import NIOCore

/// An archive as bytes: made as they are asked for, in constant memory.
struct ArchiveBody: Sendable {
    let archive: Archive
    /// How much, and how long.
    let policy: ArchivePolicy
    /// Opens a file as for a request of its own: checked, resumed, reported.
    let openContent: @Sendable (Download) async throws(ProviderError) -> OpenedContent
    /// Opens the archive that the upstream itself has of a container's downloads.
    let openArchive: @Sendable ([Download]) async throws(ProviderError) -> any ArchivedFiles
    let instant: @Sendable () -> ContinuousClock.Instant
    let logger: Logger

    /// What is open before the first byte goes out.
    struct Beginning: Sendable {
        /// The archive of the first container.
        var container: (any ArchivedFiles)?
        /// The first file, where it comes by itself.
        var member: OpenedContent?
    }

    /// The bytes; throws before them what the first file throws, where that breaks the archive, and `notReady` where an upstream
    /// is still making an archive of its own.
    func begin() async throws(ProviderError) -> ContentBody {
        var beginning = Beginning()
        if let container = self.archive.containers.first {
            do throws(ProviderError) {
                beginning.container = try await self.openArchive(container.map(\.listed.download))
            } catch  where error.kind != .notReady && error.kind != .cancelled {
                // One by one they may be had all the same.
            }
        }
        if beginning.container == nil, self.archive.onError == .breaks, let member = self.archive.members.first {
            beginning.member = try await self.open(member)
        }
        let opened = beginning
        return ContentBody(reading: ArchiveReader(self, opened))
    }

    /// Opens a member; what is no longer of the size that it was listed with is none.
    func open(_ member: Archive.Member) async throws(ProviderError) -> OpenedContent {
        let opened = try await self.openContent(member.listed.download)
        if let size = member.listed.download.size, let length = opened.length, size != length {
            throw ProviderError(.malformedResponse, message: "The file was changed while the archive was made.")
        }
        return opened
    }
}

/// The one iteration of an ``ArchiveBody``.
private final class ArchiveReader: ContentReader {
    /// The member whose bytes are on their way.
    private struct Current {
        let source: any ContentReader
        let size: Int64?
        var crc = CRC32()
        var count: Int64 = 0
    }

    private let body: ArchiveBody
    private let end: ContinuousClock.Instant
    private let containers: ContainerReader
    /// Opens what did not come out of a container's archive; `nil` until those are through.
    private var opener: MemberOpener?
    private var writer = ZipWriter()
    private var current: Current?
    private var missing: [MissingItem]
    private var bytesOfFiles: Int64 = 0
    private var hasReported = false
    /// What goes out before the next bytes of a file: the end of one member and the head of the next in one piece.
    private var frame = ByteBuffer()
    /// Bytes of a file that came while there was a frame to go first.
    private var held: ByteBuffer?

    init(_ body: ArchiveBody, _ beginning: ArchiveBody.Beginning) {
        self.body = body
        self.end = body.instant().advanced(by: .seconds(body.policy.maxTime))
        self.containers = ContainerReader(body, first: beginning.container)
        if let first = beginning.member { self.opener = MemberOpener(body, body.archive.members, first: first) }
        self.missing = body.archive.missing
    }

    func next() async throws(ProviderError) -> ByteBuffer? {
        if let bytes = self.held.take() { return bytes }
        while true {
            if self.current == nil {
                guard try await self.begin() else { return self.ending() }
            }
            if let bytes = try await self.bytes() {
                guard self.frame.readableBytes > 0 else { return bytes }
                self.held = bytes
                return self.takeFrame()
            }
            self.endMember()
            if self.frame.readableBytes > 64 << 10 { return self.takeFrame() }
        }
    }

    // MARK: Members

    /// Begins the next member that can be opened, the report after the last; `false` where there is none any more.
    private func begin() async throws(ProviderError) -> Bool {
        while let (member, result) = try await self.nextMember() {
            switch result {
            case .success(let opened):
                self.begin(member.zipMember, opened.body)
                return true
            case .failure(let error):
                guard error.kind != .cancelled else { throw error }
                self.body.logger.warning(
                    "A file is missing from an archive: \(error.message)",
                    metadata: ["download": "\(member.listed.id)", "cause": "\(error.cause ?? "-")"]
                )
                guard self.body.archive.onError == .report else { throw error }
                self.missing.append(MissingItem(name: member.path, id: member.listed.id, error: error))
            }
        }
        guard !self.hasReported, !self.missing.isEmpty else { return false }
        self.hasReported = true
        let text = MissingReport(self.missing).text
        let size = Int64(text.readableBytes)
        self.begin(ZipMember(path: MissingReport.path, size: size, modifiedAt: nil), ContentBody(text))
        return true
    }

    private func nextMember() async throws(ProviderError) -> (Archive.Member, Result<OpenedContent, ProviderError>)? {
        if let opener { return await opener.next() }
        if let (member, opened) = try await self.containers.next() { return (member, .success(opened)) }
        let opener = MemberOpener(self.body, self.containers.rest, first: nil)
        self.opener = opener
        return await opener.next()
    }

    private func begin(_ member: ZipMember, _ bytes: ContentBody) {
        var header = self.writer.begin(member)
        self.frame.writeBuffer(&header)
        self.current = Current(source: bytes.makeReader(), size: member.size)
    }

    /// The next bytes of the member; `nil` after the last.
    private func bytes() async throws(ProviderError) -> ByteBuffer? {
        guard self.body.instant() < self.end else {
            throw ProviderError(.timeout, message: "The archive took longer than archive.maxTime.")
        }
        guard let source = self.current?.source, let bytes = try await source.next() else {
            guard let current, current.size ?? current.count == current.count else { throw .brokenOff }
            return nil
        }
        self.current?.crc.update(bytes)
        self.current?.count += Int64(bytes.readableBytes)
        self.bytesOfFiles += Int64(bytes.readableBytes)
        guard let current, current.count <= current.size ?? .max else { throw .brokenOff }
        guard self.bytesOfFiles <= self.body.policy.byteLimit else {
            throw ProviderError(.malformedResponse, message: "The archive has more bytes than archive.maxBytes.")
        }
        if let size = current.size { self.opener?.openAhead(of: size - current.count) }
        return bytes
    }

    private func endMember() {
        guard let current = self.current.take() else { return }
        var descriptor = self.writer.end(crc: current.crc.value, size: current.count)
        self.frame.writeBuffer(&descriptor)
    }

    // MARK: Frame

    private func takeFrame() -> ByteBuffer {
        defer { self.frame = ByteBuffer() }
        return self.frame
    }

    private func ending() -> ByteBuffer? {
        guard var piece = self.writer.directoryPiece() else { return nil }
        self.frame.writeBuffer(&piece)
        return self.takeFrame()
    }
}
