// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import HTTPTypes
import NIOConcurrencyHelpers
import NIOCore

/// Answers that are given again to who asks in the same words: the metadata of known downloads, which callers ask for over
/// and over while they wait.
///
/// What a request's bytes alone decide was decided when they first came; they are known again by their SHA-256, so that no
/// key is kept. What may have changed since is looked at each time: whether the caller is still let in, its limits, the
/// download and its age. Where one of them says no, or would have to be asked for, there is no prepared answer, and the request
/// goes its usual way. Log, metrics and limits see no difference; see decision 0040.
final class PreparedAnswers: Sendable {
    /// What a request is known by.
    struct Key: Hashable, Sendable {
        /// Of its head.
        let sha256: SHA256Digest
        /// Under which configuration its bytes are judged: none of what was prepared under another one is found.
        let changes: Int
    }

    /// What it takes to answer, and to write down, the same request again.
    private struct Prepared: Sendable {
        let metadata: KnownMetadata
        let facts: LogEntry
    }

    private let library: DownloadLibrary
    private let keys: KeyRing
    private let limits: LimitSource
    private let door: Door
    private let log: RequestLog
    private let prepared = NIOLockedValueBox(GenerationCache<Key, Prepared>(capacity: 1000))

    /// What the front door lends.
    struct Door: Sendable {
        let server: Live<Configuration.Server>
        let proxies: Live<TrustedProxies>
        let connections: OpenConnections
        let counts: FrontDoorCounts
        let requestIDs: RequestIDs
        let date: DateField
    }

    init(library: DownloadLibrary, keys: KeyRing, limits: LimitSource, door: Door, log: RequestLog) {
        self.library = library
        self.keys = keys
        self.limits = limits
        self.door = door
        self.log = log
    }

    /// The key of a request that is being read now.
    func key(_ sha256: SHA256Digest) -> Key { Key(sha256: sha256, changes: self.door.server.changes) }

    /// Remembers how a request was answered, where that can be done again.
    func learn(_ key: Key, from record: RequestRecord) {
        let facts = record.facts
        guard let metadata = record.metadata, facts.status == 200 else { return }
        self.prepared.withLockedValue { $0[key] = Prepared(metadata: metadata, facts: facts) }
    }

    /// The whole answer to a request of `key`, and its record, to be told when it is sent; `nil` where the request is to go its
    /// usual way, as if nobody had asked here.
    func answer(_ key: Key, from peer: SocketAddress?) -> (bytes: ByteBuffer, record: RequestRecord)? {
        guard let prepared = self.prepared.withLockedValue({ $0[key] }) else { return nil }
        let server = self.door.server.current
        guard server.corsOrigins.isEmpty, !self.door.connections.isDraining else { return nil }
        var clock = PartClock()
        let (metadata, caller) = (prepared.metadata, prepared.metadata.caller)
        let address = self.door.proxies.current.clientAddress(peer: peer, headers: metadata.hops)
        guard self.keys.stillAdmits(caller, from: address) else { return nil }
        clock.ends(.auth)
        guard self.library.known(metadata.download.reference, epoch: metadata.epoch) == metadata.download else {
            return nil
        }
        clock.ends(.cache)
        guard let place = self.door.counts.admit(limit: server.maxInFlight, countsRefusal: false) else { return nil }
        let limits = self.limits.limits(of: caller)
        let decision = limits.admit()
        guard decision.isAllowed else {
            place.release()
            return nil
        }
        clock.ends(.limit)
        let record = self.record(prepared.facts, address, clock)
        record.hold(place)
        if let permit = decision.permit { record.hold(permit) }
        self.door.counts.prepared()
        return (self.bytes(metadata, record, decision, limits.bytesLeft), record)
    }

    private func record(_ facts: LogEntry, _ address: String?, _ clock: PartClock) -> RequestRecord {
        var entry = facts
        entry.time = self.library.now()
        entry.requestId = self.door.requestIDs.make()
        entry.address = address
        entry.timings = clock.timings
        return self.log.open(entry, startedOn: clock.startedOn)
    }

    private func bytes(
        _ metadata: KnownMetadata,
        _ record: RequestRecord,
        _ decision: RateLimiter.Decision,
        _ bytesLeft: RateLimiter.BytesLeft?
    ) -> ByteBuffer {
        var fields = DownloadRoutes.metadataFields
        fields[.contentLength] = String(metadata.json.readableBytes)
        fields.addLimits(decision, bytesLeft)
        fields[.requestID] = record.requestID
        fields.addServerTiming(record.serverTiming)
        fields[.date] = self.door.date.current
        var bytes = ByteBufferAllocator().buffer(capacity: 512 + metadata.json.readableBytes)
        bytes.writeStaticString("HTTP/1.1 200 OK\r\n")
        for field in fields { bytes.writeString("\(field.name.rawName): \(field.value)\r\n") }
        bytes.writeStaticString("\r\n")
        bytes.writeImmutableBuffer(metadata.json)
        record.answered(status: 200, bytes: metadata.json.readableBytes)
        return bytes
    }
}

/// Times parts of the work that follow one another.
private struct PartClock {
    let startedOn = ContinuousClock.now
    private(set) var timings = LogEntry.Timings()
    private var last: ContinuousClock.Instant

    init() { self.last = self.startedOn }

    mutating func ends(_ part: LogEntry.Timings.Part) {
        let now = ContinuousClock.now
        self.timings.add(self.last.duration(to: now).milliseconds, to: part)
        self.last = now
    }
}
