// SPDX-License-Identifier: Apache-2.0

import ServiceLifecycle

/// Services that are told to stop at the same moment, where a group would wait for one after the other.
///
/// The jobs are handed over while the door still lets the last streams end.
struct Together: Service {
    let services: [any Service]

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for service in self.services { group.addTask { try await service.run() } }
            // Unlike `waitForAll`, it ends the others when one fails.
            while try await group.next() != nil {}
        }
    }
}
