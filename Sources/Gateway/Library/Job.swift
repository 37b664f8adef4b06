// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// A download that a caller had brought in, from a URL or from another download, as the store keeps it: the row is the truth, whoever works on it.
struct Job: Equatable, Sendable {
    let id: UUID
    /// Who asked for it.
    let caller: String
    let provider: ProviderID
    let session: String?
    /// The host that is asked; empty for a copy.
    let host: String
    let createdAt: Date
    /// Fit to be shown, where the file comes from a URL; the one that is asked is sealed.
    let sourceURL: String?
    var name: String
    var status = DownloadStatus.queued
    /// Tries since bytes last came.
    var tries = 0
    /// When it is tried again; `nil`: as soon as there is room.
    var nextTryAt: Date?
    /// How much of its time is used up.
    var spent = Duration.zero
    var receivedBytes: Int64?
    var totalBytes: Int64?
    /// What its provider holds, once it is completed.
    var result: Download?
    /// How the provider's own lists name it, once they do.
    var listedAs: DownloadReference?
    var failure: DownloadFailure?
    var startedAt: Date?
    var endedAt: Date?

    /// Marks the item of a job's own reference; no adapter uses the letter.
    private static let mark = "j:"

    /// What its public id is made of: the job's identity, from the first moment on.
    var reference: DownloadReference {
        DownloadReference(
            provider: self.provider,
            session: self.session,
            item: Self.mark + self.id.lowercaseText
        )
    }

    /// The job that a reference names; `nil` for a reference of an upstream.
    static func id(of reference: DownloadReference) -> UUID? {
        guard reference.item.hasPrefix(Self.mark) else { return nil }
        return UUID(uuidString: String(reference.item.dropFirst(Self.mark.count)))
    }

    /// Where its bytes are, once they are there; its own until then.
    var currentReference: DownloadReference {
        self.status == .completed ? self.listedAs ?? self.reference : self.reference
    }

    /// Whether it puts in what another download holds.
    var isCopy: Bool { self.host.isEmpty }

    /// Whether it still changes by itself.
    var isOpen: Bool { self.status == .queued || self.status == .downloading }

    /// The download as far as the gateway itself knows it.
    func download(_ progress: DownloadProgress?) -> Download {
        if var download = self.result, self.status == .completed {
            self.dress(&download)
            return download
        }
        let isRunning = self.status == .downloading
        return Download(
            reference: self.reference,
            name: self.name,
            size: self.totalBytes,
            status: self.status,
            createdAt: self.createdAt,
            completedAt: nil,
            sourceURL: self.sourceURL,
            progress: isRunning ? progress ?? self.lastProgress : nil,
            failure: self.status == .failed ? self.failure : nil
        )
    }

    /// Puts what only the gateway knows into what the provider says.
    func dress(_ download: inout Download) {
        download.createdAt = self.createdAt
        download.sourceURL = self.sourceURL ?? download.sourceURL
    }

    private var lastProgress: DownloadProgress {
        DownloadProgress(receivedBytes: self.receivedBytes ?? 0, totalBytes: self.totalBytes)
    }
}
