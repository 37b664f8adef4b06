// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Gateway

/// The command line of the gateway.
@main
struct Sluice: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluice",
        abstract: "One API for the files that cloud browsers, cloud machines and file servers downloaded.",
        discussion: """
            Sluice is a gateway that you run yourself: applications ask it alone, at /v1/downloads, for files that many vendors \
            hold. Each application has a key of its own, the vendors' keys stay here, and every request is in a log.

            FIRST STEPS
              export BROWSERBASE_API_KEY=...        a vendor's key
              sluice check                          is all as it should be?
              sluice serve                          prints an admin key once
              sluice keys create --name my-app      a key for an application
              curl -H "Authorization: Bearer slc_..." \\
                   http://127.0.0.1:8080/v1/downloads

            FILES
              config/sluice.yaml        the configuration, where --config names no
                                        other; none is needed
              <storage.path>            var by default: sluice.sqlite, logs.sqlite,
                                        secret.key, and files of the web provider

            ENVIRONMENT
              SLUICE_ADMIN_KEY          an admin key that needs no row in the store
              SLUICE_SECRET_KEY         the master secret, 32 bytes in base64; without
                                        it secret.key is made
              SLUICE_STORAGE            the folder of the store, as the sample
                                        configuration reads it
              SLUICE_LOG_LEVEL          trace, debug, info, notice, warning, error or
                                        critical
              SLUICE_URL, SLUICE_KEY    the gateway and the key of sluice get
              BROWSERBASE_API_KEY, ANCHORBROWSER_API_KEY, NOTTE_API_KEY,
              VAGON_API_KEY and VAGON_SECRET, HOODY_URL and HOODY_TOKEN
                                        the vendors that are served where there is no
                                        configuration file

            EXIT STATUS
              0 on success, 1 where something failed or is not in order, 64 where the \
            command line cannot be understood.
            """,
        version: GatewayVersion.current,
        subcommands: [
            Serve.self, Get.self, Check.self, Keys.self, Providers.self, Secrets.self, Logs.self, Usage.self,
            Backup.self,
        ]
    )
}
