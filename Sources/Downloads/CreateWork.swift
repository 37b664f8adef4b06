// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// A ``CreateRequest`` on its way, as its provider is given it at each try.
public struct CreateWork: Sendable {
    /// Names the work: two tries of one id are the same download, and bring one file.
    public let id: UUID
    /// Who asked for it: whose bytes they are.
    public let owner: String
    /// When it was asked for.
    public let createdAt: Date
    /// What was asked for.
    public let request: CreateRequest
    /// What an earlier try kept; `nil` at the first.
    public let checkpoint: Data?

    /// Creates a piece of work.
    public init(id: UUID, owner: String, createdAt: Date, request: CreateRequest, checkpoint: Data? = nil) {
        self.id = id
        self.owner = owner
        self.createdAt = createdAt
        self.request = request
        self.checkpoint = checkpoint
    }
}

/// How far a try is.
public struct CreateProgress: Hashable, Sendable {
    /// The file's own name, once it is known.
    public var name: String?
    /// Bytes so far, those of earlier tries included.
    public var receivedBytes: Int64
    /// Bytes in all, where known.
    public var totalBytes: Int64?

    /// Creates a progress.
    public init(name: String? = nil, receivedBytes: Int64, totalBytes: Int64?) {
        self.name = name
        self.receivedBytes = receivedBytes
        self.totalBytes = totalBytes
    }
}

/// Whom a provider tells what becomes of a try.
public struct CreateReport: Sendable {
    /// Takes how far it is; cheap, may be called for every piece.
    public let progress: @Sendable (CreateProgress) -> Void
    /// Keeps what a later try goes on from, and under which reference the provider's own lists show the download, where they do
    /// already; returns when a crash of this process would not lose it.
    ///
    /// Works in a cancelled task too.
    public let keep: @Sendable (_ checkpoint: Data, _ listedAs: DownloadReference?) async -> Void

    /// Creates a report.
    public init(
        progress: @escaping @Sendable (CreateProgress) -> Void,
        keep: @escaping @Sendable (_ checkpoint: Data, _ listedAs: DownloadReference?) async -> Void
    ) {
        self.progress = progress
        self.keep = keep
    }
}
