// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation

/// `sluice get`: brings a file from a running gateway onto this machine.
struct Get: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Fetch a download, or have a URL downloaded and fetch that.",
        discussion: """
            Asks a running gateway. Its address is --gateway, else SLUICE_URL, else http://127.0.0.1:8080; the key is \
            SLUICE_KEY, else SLUICE_ADMIN_KEY.

            What has come stays beside the file, in a name that ends in .part, until all of it is there: the same \
            command goes on where it was broken off. The file takes its own name only when its length and, where \
            one is known, its SHA-256 are right.

            EXAMPLES
              sluice get dl_AZ2A... -o reports/
              sluice get https://www.example.com/large.iso --checksum 9f86d0...
            """
    )

    @Argument(help: "The id of a download (dl_…), or a URL for the gateway to download first.")
    var source: String

    @Option(name: [.short, .long], help: "The file, or a folder for it; without it, the download's own name, here.")
    var output: String?

    @Option(help: "The gateway's address.")
    var gateway: String?

    @Option(help: "Which provider downloads the URL; without it, the gateway's own.")
    var provider: String?

    @Option(help: "The SHA-256 that the file must have, in hex.")
    var checksum: String?

    @Flag(help: "Replace a file that is there.")
    var overwrite = false

    @Flag(name: [.short, .long], help: "Show no progress.")
    var quiet = false

    func validate() throws {
        guard self.isURL || self.source.hasPrefix("dl_") else {
            throw ValidationError("'\(self.source)' is neither the id of a download (dl_…) nor an http or https URL.")
        }
        if let checksum, checksum.count != 64 || !checksum.allSatisfy(\.isHexDigit) {
            throw ValidationError("--checksum must be the 64 hex digits of a SHA-256.")
        }
        if self.provider != nil, !self.isURL { throw ValidationError("--provider goes with a URL only.") }
    }

    private var isURL: Bool { self.source.hasPrefix("http://") || self.source.hasPrefix("https://") }

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let address = self.gateway ?? environment["SLUICE_URL"] ?? "http://127.0.0.1:8080"
        let key = environment["SLUICE_KEY"] ?? environment["SLUICE_ADMIN_KEY"]
        guard let key, !key.isEmpty else {
            throw ValidationError("Set SLUICE_KEY to a key of the gateway.")
        }
        guard let caller = GatewayCaller(address: address, key: key) else {
            throw ValidationError("'\(address)' is not the address of a gateway.")
        }
        do {
            try await self.get(through: caller)
            await caller.end()
        } catch let failure as GetFailure {
            await caller.end()
            Terminal.complain("sluice get: \(failure.message)")
            throw ExitCode(1)
        }
    }

    private func get(through caller: GatewayCaller) async throws {
        let progress = ProgressLine(isShown: !self.quiet && isatty(STDERR_FILENO) == 1)
        var download: RemoteDownload
        if self.isURL {
            download = try await caller.create(self.source, provider: self.provider, checksum: self.checksum)
        } else {
            download = try await caller.metadata(self.source)
        }
        download = try await caller.finished(download) { progress.show("arriving", $0, of: $1) }
        let target = try OutputFile(self.output, named: download.filename, mayReplace: self.overwrite)
        let fetch = FileFetch(caller: caller, download: download, target: target, checksum: self.checksum)
        let count = try await fetch.run { progress.show(target.name, $0, of: $1) }
        progress.end()
        print("\(target.path) (\(ProgressLine.size(count)))")
    }
}

/// Why nothing was got; fit for the terminal.
struct GetFailure: Error {
    let message: String
    /// Whether another try may help.
    var mayRetry = false
}
