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
            Prints where it listens and which providers there are, on standard output, and its log on standard error. The first \
            start on an empty store prints an admin key, once, unless SLUICE_ADMIN_KEY is set.

            It listens on loopback in plain HTTP unless the configuration says otherwise. Every setting stands in \
            config/sluice.yaml with its default and its danger.

            SIGTERM or SIGINT refuses new connections, lets requests end (server.drainTimeout) and leaves open jobs to the next \
            start; a second one cuts what is under way. SIGHUP, or a change of the file, reloads providers, egress, limits, issuers, \
            upstream and the bounds of server; a faulty file is refused as a whole.

            EXAMPLES
              sluice serve
              sluice serve --config /etc/sluice/sluice.yaml
              curl http://127.0.0.1:8080/readyz
            """
    )

    @Flag(help: "Take the listener over from the gateway that runs over the same store, and have that one stop.")
    var takeOver = false

    @OptionGroup var options: CommonOptions

    func run() async throws {
        let configuration = try self.options.configuration()
        let server = try SluiceServer(
            configuration,
            source: self.options.source,
            logger: CommonOptions.logger(configuration.logFormat)
        )
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
