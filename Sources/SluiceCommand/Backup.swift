// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Downloads
import Foundation
import Gateway

/// `sluice backup`: a copy of the store, with or without a running server.
struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the whole store into one new file, while the gateway runs.",
        discussion: """
            The file is a tar of sluice.sqlite (keys, sealed credentials, jobs, catalogue) and logs.sqlite (the request log), \
            each as it was at one moment. It appears under its name only when it is whole and on the disk, with mode 0600; a \
            file that is there is never overwritten. While it is made, it takes room for the larger of the two besides itself.

            Not in it: the master secret (SLUICE_SECRET_KEY, or secret.key in the storage folder), without which sealed \
            credentials, gateway keys and ids of the backup are worth nothing: keep it elsewhere. Nor the web provider's \
            files, which are plain files below <storage.path>/files.

            EXAMPLES
              sluice backup /backup/sluice-$(date +%F).tar

            To restore, with the gateway stopped, into an empty folder:
              install -d -m 700 /var/lib/sluice
              tar -xf FILE -C /var/lib/sluice
            Then put secret.key back beside them, or set SLUICE_SECRET_KEY, and see `sluice logs verify`.
            """
    )

    @Argument(help: "The file to make, such as /backup/sluice-$(date +%F).tar.", completion: .file())
    var file: String

    @OptionGroup var options: CommonOptions

    private struct Report: Encodable {
        let file: String
        let bytes: Int64
    }

    func run() async throws {
        let folder = try self.options.configuration().storagePath
        // To open a store makes one where there is none, and an empty backup would be a false friend.
        guard FileManager.default.fileExists(atPath: folder + "/sluice.sqlite") else {
            throw ValidationError("There is no store in '\(folder)'.")
        }
        let store = try Store(directory: folder)
        defer { try? store.close() }
        let size = try await StoreBackup(of: store, to: self.file).run()
        if self.options.json {
            try Terminal.printJSON(Report(file: self.file, bytes: size))
        } else {
            print("\(self.file): \(size) bytes.")
        }
    }
}
