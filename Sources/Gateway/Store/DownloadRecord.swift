// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// A download as it is kept in the store.
struct DownloadRecord: Codable {
    let session: String?
    let item: String
    let name: String
    let mimeType: String?
    let size: Int64?
    let checksum: String?
    let status: DownloadStatus
    let createdAt: Date?
    let completedAt: Date?
    let expiresAt: Date?
    let sourceURL: String?
    let pageURL: String?
    let progress: DownloadProgress?
    let failure: DownloadFailure?
    let native: [String: JSONValue]
    let revision: String

    init(_ download: Download) {
        self.session = download.reference.session
        self.item = download.reference.item
        self.name = download.name
        self.mimeType = download.mimeType
        self.size = download.size
        self.checksum = download.checksum
        self.status = download.status
        self.createdAt = download.createdAt
        self.completedAt = download.completedAt
        self.expiresAt = download.expiresAt
        self.sourceURL = download.sourceURL
        self.pageURL = download.pageURL
        self.progress = download.progress
        self.failure = download.failure
        self.native = download.native
        self.revision = download.revision
    }

    /// The download again; equal to the one that was kept.
    func download(of provider: ProviderID) -> Download {
        Download(
            reference: DownloadReference(provider: provider, session: self.session, item: self.item),
            name: self.name,
            mimeType: self.mimeType,
            size: self.size,
            checksum: self.checksum,
            status: self.status,
            createdAt: self.createdAt,
            completedAt: self.completedAt,
            expiresAt: self.expiresAt,
            sourceURL: self.sourceURL,
            pageURL: self.pageURL,
            progress: self.progress,
            failure: self.failure,
            native: self.native,
            revision: self.revision
        )
    }
}
