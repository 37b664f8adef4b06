// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Composition
import Downloads
import Foundation
import Gateway

/// `sluice serve`: runs the gateway.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Serve until SIGTERM or SIGINT.")

    @OptionGroup var options: CommonOptions

    func run() async throws {
        let configuration = try self.options.configuration()
        let server = try SluiceServer(configuration, logger: CommonOptions.logger)
        let host = configuration.server.host
        do {
            try await server.run(adminKey: CommonOptions.adminKey) { started in
                print("Sluice listens on http://\(host.contains(":") ? "[\(host)]" : host):\(started.port)")
                if let key = started.firstKey {
                    print("The first admin key, shown only now: \(key.reveal())")
                }
                for entry in started.providers.map(\.entry) {
                    print("  \(entry.id): \(entry.provider == nil ? "unconfigured" : "configured")")
                }
                // Standard output is a pipe under a service manager, and is buffered then.
                fflush(nil)
            }
        } catch let error as ConfigurationError {
            Terminal.complain(error.description)
            throw ExitCode(1)
        }
    }
}
