// SPDX-License-Identifier: Apache-2.0

import Composition
import Downloads
import Foundation
import Gateway
import Logging
import Simulators

/// The gateway in front of simulated vendors, on loopback, with its store in a temporary folder.
@main
enum Demo {
    static func main() async {
        do { try await self.run() } catch {
            let hint = "It runs in the project's folder: make run, or DEMO_PORT=8081 make run where the port is taken."
            FileHandle.standardError.write(Data("The demo ended: \(error)\n\(hint)\n".utf8))
            exit(1)
        }
    }

    private static func run() async throws {
        let vendors = try await SimulatedVendors.start(begin: Date(timeIntervalSinceNow: -3600))
        let storage = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-demo-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: storage) }
        let key = Secret("demo-" + UUID().uuidString.lowercased())
        let environment = ProcessInfo.processInfo.environment
            .merging(vendors.environment) { _, demo in demo }
            .merging(["DEMO_STORAGE": storage.path]) { _, demo in demo }
        let configuration = try SluiceServer.configuration(
            file: environment["DEMO_CONFIG"] ?? "config/demo.yaml",
            environment: environment
        )
        let server = try SluiceServer(configuration, logger: Self.logger)
        try await server.run(adminKey: key) { started in
            let address = "http://\(configuration.server.host):\(started.port)"
            print(Self.greeting(address: address, key: key, session: vendors.browserbase.library.sessions.first?.id))
            fflush(nil)
        }
        await vendors.stop()
    }

    private static var logger: Logger {
        var logger = Logger(label: "sluice") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .warning
        return logger
    }

    private static func greeting(address: String, key: Secret, session: String?) -> String {
        """

        Sluice listens on \(address), in front of five simulated vendors. Stop it with Ctrl-C.

        In another terminal:

          export SLUICE=\(address)
          export KEY=\(key.reveal())

          # everything, over all vendors
          curl -s -H "Authorization: Bearer $KEY" "$SLUICE/v1/downloads?limit=5"

          # one browser session
          curl -s -H "Authorization: Bearer $KEY" "$SLUICE/v1/downloads?provider=browserbase&sessionId=\(session ?? "")"

          # the newest Browserbase file: its id, what is known of it, its bytes
          ID=$(curl -s -H "Authorization: Bearer $KEY" "$SLUICE/v1/downloads?provider=browserbase&limit=1" \\
               | sed 's/.*"id":"\\(dl_[A-Za-z0-9_-]*\\)".*/\\1/')
          curl -s -H "Authorization: Bearer $KEY" -H "Accept: application/json" "$SLUICE/v1/downloads/$ID"
          curl -OJ -H "Authorization: Bearer $KEY" "$SLUICE/v1/downloads/$ID"

          # away with it, and gone it is: 204, then 404
          curl -i -X DELETE -H "Authorization: Bearer $KEY" "$SLUICE/v1/downloads/$ID"
          curl -i -X DELETE -H "Authorization: Bearer $KEY" "$SLUICE/v1/downloads/$ID"

          # who asked what
          curl -s -H "Authorization: Bearer $KEY" -H "Accept: text/csv" "$SLUICE/v1/logs?limit=10"

        """
    }
}
