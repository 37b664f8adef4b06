// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// The Download of the contract, as JSON.
///
/// Fields without a value are `null`, never left out.
struct DownloadRepresentation: Encodable {
    let id: String
    let download: Download
    /// What stands in front of the paths in `links`: the public URL, or nothing.
    let linkBase: String

    private enum Key: String, CodingKey {
        case id, provider, sessionId, filename, mimeType, size, checksum, status, createdAt, completedAt, expiresAt
        case sourceUrl, pageUrl, progress, error, native, links
    }

    /// `self` and `content` are one address: the `Accept` field chooses.
    private struct Links: Encodable {
        let `self`: String
        let content: String
    }

    private struct Progress: Encodable {
        let progress: DownloadProgress

        enum Key: String, CodingKey { case receivedBytes, totalBytes, percent, bytesPerSecond }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(self.progress.receivedBytes, forKey: .receivedBytes)
            try container.encode(self.progress.totalBytes, forKey: .totalBytes)
            try container.encode(self.progress.percent, forKey: .percent)
            try container.encode(self.progress.bytesPerSecond, forKey: .bytesPerSecond)
        }
    }

    func encode(to encoder: any Encoder) throws {
        let download = self.download
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(self.id, forKey: .id)
        try container.encode(download.reference.provider.name, forKey: .provider)
        try container.encode(download.reference.session, forKey: .sessionId)
        try container.encode(download.filename, forKey: .filename)
        try container.encode(download.mimeType, forKey: .mimeType)
        try container.encode(download.size, forKey: .size)
        try container.encode(download.checksum, forKey: .checksum)
        try container.encode(download.status, forKey: .status)
        try container.encode(download.createdAt.map(RFC3339.format), forKey: .createdAt)
        try container.encode(download.completedAt.map(RFC3339.format), forKey: .completedAt)
        try container.encode(download.expiresAt.map(RFC3339.format), forKey: .expiresAt)
        try container.encode(download.sourceURL.map(PublicURL.withoutCredentials), forKey: .sourceUrl)
        try container.encode(download.pageURL.map(PublicURL.withoutCredentials), forKey: .pageUrl)
        try container.encode(download.progress.map(Progress.init), forKey: .progress)
        try container.encode(download.failure, forKey: .error)
        try container.encode(self.native, forKey: .native)
        try container.encode(Links(self: self.link, content: self.link), forKey: .links)
    }

    private var link: String { "\(self.linkBase)/v1/downloads/\(self.id)" }

    /// The upstream's own fields; its name of the file is always among them.
    private var native: [String: JSONValue] {
        self.download.native.merging(["name": .string(self.download.name)]) { own, _ in own }
    }

    // MARK: CSV

    /// The columns of the CSV form: the fields in the contract's order that are single values.
    static let columns = [
        "id", "provider", "sessionId", "filename", "mimeType", "size", "checksum", "status", "createdAt", "completedAt",
        "expiresAt", "sourceUrl", "pageUrl",
    ]

    /// The values of ``columns``.
    var row: [String?] {
        let download = self.download
        return [
            self.id, download.reference.provider.name, download.reference.session, download.filename, download.mimeType,
            download.size.map(String.init), download.checksum, download.status.rawValue,
            download.createdAt.map(RFC3339.format), download.completedAt.map(RFC3339.format),
            download.expiresAt.map(RFC3339.format), download.sourceURL.map(PublicURL.withoutCredentials),
            download.pageURL.map(PublicURL.withoutCredentials),
        ]
    }
}
