// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Logging
import NIOConcurrencyHelpers
import NIOCore

/// A digest that the gateway measured, of a file as it was at one ``Download/revision``.
struct MeasuredDigest: Hashable, Sendable {
    let revision: String
    /// 32 bytes.
    let sha256: Data
}

/// The SHA-256 of files whose provider tells none, measured when somebody first reads them whole.
///
/// Measuring is no check: a digest says what was once sent, and is told with the metadata and in `Repr-Digest`. It is
/// forgotten without harm.
final class MeasuredDigests: Sendable {
    /// What a digest is found by: provider and the SHA-256 of the reference.
    struct Key: Hashable, Sendable {
        let provider: ProviderID
        let reference: Data
    }

    /// Providers tell times in seconds, at the coarsest; and clocks differ a little.
    private static let coarsestTime: TimeInterval = 2

    /// How many are kept in memory, about.
    static let capacity = 10_000

    private struct State {
        var known = GenerationCache<Key, MeasuredDigest>(capacity: MeasuredDigests.capacity)
        /// What is being measured: who reads it meanwhile is not held up for the same digest.
        var underway: Set<Key> = []
        /// The revisions of files that come quicker than they can be hashed, which is not tried again.
        var givenUp = GenerationCache<Key, String>(capacity: MeasuredDigests.capacity)
    }

    private let state: NIOLockedValueBox<State>
    private let table: DigestTable
    private let now: @Sendable () -> Date
    private let logger: Logger
    private let queue: DigestQueue

    /// Reads the newest ones.
    init(table: DigestTable, _ surroundings: GatewayApplication.Surroundings, logger: Logger) async throws {
        var state = State()
        for (key, digest) in try await table.newest(Self.capacity) { state.known[key] = digest }
        self.state = NIOLockedValueBox(state)
        self.queue = DigestQueue(instant: surroundings.instant)
        self.table = table
        self.now = surroundings.now
        self.logger = logger
    }

    /// The digest of a file as it is now.
    private func digest(of download: Download) -> MeasuredDigest? {
        // Where every provider tells its digests, nothing needs to be hashed.
        guard !self.state.withLockedValue({ $0.known.count == 0 }) else { return nil }
        let key = Key(download.reference)
        let digest = self.state.withLockedValue { $0.known[key] }
        return digest?.revision == download.revision ? digest : nil
    }

    /// `download` with the measured digest where its provider tells none.
    func completing(_ download: Download) -> Download {
        guard download.checksum == nil, let digest = self.digest(of: download) else { return download }
        var download = download
        download.checksum = digest.sha256.hexadecimal
        return download
    }

    /// `body`, measured on its way, where it is a whole file whose digest nobody knows, or is about to.
    ///
    /// A file that is found by its name is not measured where a newer one could not be told from it: without a date, and as
    /// long as one may come that has the same.
    func measuring(_ body: ContentBody, of download: Download, namesAreIdentity: Bool) -> ContentBody {
        guard download.checksum == nil, !namesAreIdentity || self.isSettled(download) else { return body }
        let key = Key(download.reference)
        let begins = self.state.withLockedValue { state in
            guard state.known[key]?.revision != download.revision, state.givenUp[key] != download.revision else {
                return false
            }
            return state.underway.insert(key).inserted
        }
        guard begins else { return body }
        return body.measured(by: self.queue, size: download.size) { self.end($0, of: key, at: download.revision) }
    }

    private func isSettled(_ download: Download) -> Bool {
        guard !download.revision.isEmpty, let time = download.createdAt else { return false }
        return self.now().timeIntervalSince(time) > Self.coarsestTime
    }

    private func end(_ measurement: DigestMeasurement, of key: Key, at revision: String) {
        let digest: MeasuredDigest? =
            if case .digest(let sha256) = measurement { MeasuredDigest(revision: revision, sha256: sha256) } else {
                nil
            }
        self.state.withLockedValue { state in
            state.underway.remove(key)
            if let digest { state.known[key] = digest }
            if measurement == .givenUp { state.givenUp[key] = revision }
        }
        guard let digest else { return }
        // Nobody waits for the store; a digest that is lost is measured again.
        Task {
            do {
                try await self.table.keep(digest, for: key, at: self.now())
            } catch {
                self.logger.error("A measured digest was not stored.", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Drops from the store what was measured before `time`.
    func prune(before time: Date) async {
        do {
            try await self.table.prune(before: time)
        } catch {
            self.logger.error("Old digests were not dropped.", metadata: ["error": "\(error)"])
        }
    }
}

extension MeasuredDigests.Key {
    fileprivate init(_ reference: DownloadReference) {
        self.init(provider: reference.provider, reference: DownloadID.digest(of: reference))
    }
}
