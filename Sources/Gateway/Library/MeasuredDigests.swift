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

    /// How many are kept in memory, about.
    static let capacity = 10_000

    private let known: NIOLockedValueBox<(cache: GenerationCache<Key, MeasuredDigest>, isEmpty: Bool)>
    private let table: DigestTable
    private let now: @Sendable () -> Date
    private let logger: Logger
    private let queue = DigestQueue()

    /// Reads the newest ones.
    init(table: DigestTable, now: @escaping @Sendable () -> Date, logger: Logger) async throws {
        var cache = GenerationCache<Key, MeasuredDigest>(capacity: Self.capacity)
        let newest = try await table.newest(Self.capacity)
        for (key, digest) in newest { cache[key] = digest }
        self.known = NIOLockedValueBox((cache, newest.isEmpty))
        self.table = table
        self.now = now
        self.logger = logger
    }

    /// The digest of a file as it is now.
    private func digest(of download: Download) -> MeasuredDigest? {
        // Where every provider tells its digests, nothing needs to be hashed.
        guard !self.known.withLockedValue({ $0.isEmpty }) else { return nil }
        let key = Key(download.reference)
        let digest = self.known.withLockedValue { $0.cache[key] }
        return digest?.revision == download.revision ? digest : nil
    }

    /// `download` with the measured digest where its provider tells none.
    func completing(_ download: Download) -> Download {
        guard download.checksum == nil, let digest = self.digest(of: download) else { return download }
        var download = download
        download.checksum = digest.sha256.hexadecimal
        return download
    }

    /// `body`, measured on its way, where it is a whole file whose digest nobody knows.
    ///
    /// A file that is found by its name and has no date is not measured: a newer one could not be told from it.
    func measuring(_ body: ContentBody, of download: Download, namesAreIdentity: Bool) -> ContentBody {
        guard download.checksum == nil, !namesAreIdentity || download.createdAt != nil,
            self.digest(of: download) == nil
        else { return body }
        return body.measured(by: self.queue, size: download.size) { sha256 in self.keep(sha256, for: download) }
    }

    private func keep(_ sha256: Data, for download: Download) {
        let key = Key(download.reference)
        let digest = MeasuredDigest(revision: download.revision, sha256: sha256)
        self.known.withLockedValue { known in
            known.cache[key] = digest
            known.isEmpty = false
        }
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
