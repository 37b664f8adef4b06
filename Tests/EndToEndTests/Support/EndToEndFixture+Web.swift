// SPDX-License-Identifier: Apache-2.0

import Foundation
import Simulators

extension EndToEndFixture {
    /// A gateway with the `web` provider alone, with `settings` of its own, and a web server to bring files from.
    static func runWeb(
        _ settings: String = "",
        _ body: (EndToEndFixture, OriginSimulator) async throws -> Void
    ) async throws {
        let origin = try await OriginSimulator.start(library: SimulatedLibrary(seed: 5))
        do {
            let providers = "  - { name: web, kind: web\(settings) }"
            try await EndToEndFixture.run(GatewaySettings(providers: providers)) { try await body($0, origin) }
            await origin.stop()
        } catch {
            await origin.stop()
            throw error
        }
    }

    /// What lies in the `web` provider's folder, files and beginnings of files.
    var keptFiles: [String] {
        let folder = self.storage.appendingPathComponent("files/web").path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let incoming = (try? FileManager.default.contentsOfDirectory(atPath: folder + "/.incoming")) ?? []
        return names.filter { $0 != ".incoming" } + incoming
    }
}
