// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Composition
import Downloads
import Foundation
import Gateway

/// `sluice serve`: runs the gateway.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve until SIGTERM or SIGINT.",
        discussion: """
            SIGTERM or SIGINT refuses new connections, lets requests end (server.drainTimeout) and leaves open jobs to the next start;
            a second one cuts what is under way. SIGHUP, or a change of the file, reloads providers, egress, limits, issuers, upstream
            and the bounds of server; a faulty file is refused as a whole.
            """
    )

    @Flag(help: "Take the listener over from the gateway that runs over the same store, and have that one stop.")
    var takeOver = false

    @OptionGroup var options: CommonOptions

    func run() async throws {
        let configuration = try self.options.configuration()
        let server = try SluiceServer(configuration, source: self.options.source, logger: CommonOptions.logger)
        let host = configuration.server.host
        let scheme = configuration.server.tls == nil ? "http" : "https"
        do {
            try await server.run(adminKey: CommonOptions.adminKey, takeOver: self.takeOver) { started in
                print("Sluice listens on \(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(started.port)")
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
