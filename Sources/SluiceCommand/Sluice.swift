// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// The command line of the gateway.
@main
struct Sluice: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluice",
        abstract: "One API for the files that cloud browsers, cloud machines and file servers downloaded.",
        discussion: """
            Without a configuration file, every vendor is served whose variables are set (BROWSERBASE_API_KEY,
            ANCHORBROWSER_API_KEY, NOTTE_API_KEY, VAGON_API_KEY and VAGON_SECRET, HOODY_URL and HOODY_TOKEN).
            SLUICE_ADMIN_KEY is an admin key that needs no row in the store; without it the first start makes one.
            """,
        subcommands: [Serve.self, Get.self, Check.self, Keys.self, Providers.self, Secrets.self, Logs.self, Usage.self]
    )
}
