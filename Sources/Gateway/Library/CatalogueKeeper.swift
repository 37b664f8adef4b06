// SPDX-License-Identifier: Apache-2.0

import Foundation
import ServiceLifecycle

/// Keeps the catalogue from growing for ever: once an hour it drops what is too old to be served.
struct CatalogueKeeper: Service {
    /// How long a deleted download is kept from coming back.
    ///
    /// Upstreams whose history still names a file (Hoody) are not known to keep one for longer.
    static let tombstoneAge: TimeInterval = 90 * 86_400

    /// How long a measured digest is kept.
    static let digestAge: TimeInterval = 90 * 86_400

    let catalogue: Catalogue
    let digests: MeasuredDigests
    let staleFor: TimeInterval
    let now: @Sendable () -> Date

    func run() async throws {
        await cancelWhenGracefulShutdown {
            repeat {
                let now = self.now()
                await self.catalogue.prune(
                    notSeenSince: now.addingTimeInterval(-self.staleFor),
                    buriedBefore: now.addingTimeInterval(-Self.tombstoneAge)
                )
                await self.digests.prune(before: now.addingTimeInterval(-Self.digestAge))
            } while (try? await Task.sleep(for: .seconds(3600))) != nil
        }
    }
}
