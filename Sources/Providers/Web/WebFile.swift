// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// A file that was brought in, as `file.json` beside its bytes has it.
struct WebFile: Codable, Hashable, Sendable {
    /// Names its folder; the id of the work that brought it.
    let id: UUID
    /// Whose bytes they are.
    let owner: String
    /// The directory that the caller named.
    let directory: String?
    /// Safe, and unique in its directory.
    var name: String
    let mimeType: String?
    let size: Int64
    let sha256: String
    /// Without credentials; `nil`: it did not come from a URL.
    let sourceURL: String?
    let createdAt: Date
    let completedAt: Date

    /// How the provider's references name a file.
    static func id(in reference: DownloadReference) -> UUID? {
        guard let text = ItemKey.identity(of: reference.item, prefix: "f"), let id = UUID(uuidString: text),
            id.lowercaseText == text
        else { return nil }
        return id
    }

    /// The download, kept for `retention` seconds.
    func download(of provider: ProviderID, retention: Double?) -> Download {
        let id = self.id.lowercaseText
        return Download(
            reference: DownloadReference(provider: provider, session: self.directory, item: "f:\(id)"),
            name: self.name,
            mimeType: self.mimeType,
            size: self.size,
            checksum: self.sha256,
            createdAt: self.createdAt,
            completedAt: self.completedAt,
            expiresAt: retention.map { self.completedAt.addingTimeInterval($0) },
            sourceURL: self.sourceURL,
            native: ["id": .string(id), "name": .string(self.name)]
        )
    }
}
