// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOCore

/// The files of a zip that streams by, under the references that their provider has for them.
final class ZippedFiles: ArchivedFiles {
    private let archive: ZipArchive
    private let reference: @Sendable (ZipFile) -> DownloadReference?

    /// Reads `archive`; files that `reference` does not know are passed over.
    init(_ archive: ZipArchive, reference: @escaping @Sendable (ZipFile) -> DownloadReference?) {
        self.archive = archive
        self.reference = reference
    }

    func next() async throws(ProviderError) -> ArchivedFile? {
        while let file = try await self.archive.nextFile() {
            guard let reference = self.reference(file) else { continue }
            return ArchivedFile(reference: reference, body: self.archive.body)
        }
        return nil
    }
}
