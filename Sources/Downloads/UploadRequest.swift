// SPDX-License-Identifier: Apache-2.0

public import Foundation
import NIOCore

/// Where a file is to be put, and under which name.
public struct UploadRequest: Hashable, Sendable, Codable {
    /// The container: a browser session, a machine; `nil`: none, or the one that ``directory`` names.
    public var session: String?
    /// The folder, where the provider has such; `nil`: the top one.
    public var directory: String?
    /// The name; safe, see ``SafeFilename``.
    public var filename: String
    /// The media type, where known.
    public var mimeType: String?
    /// Whether it may take the place of a file that has the name.
    public var overwrites: Bool

    /// Creates a request; `filename` is made safe.
    public init(
        session: String? = nil,
        directory: String? = nil,
        filename: String,
        mimeType: String? = nil,
        overwrites: Bool = false
    ) {
        self.session = session
        self.directory = directory
        self.filename = SafeFilename.make(from: filename)
        self.mimeType = mimeType
        self.overwrites = overwrites
    }
}

/// What a provider makes of an ``UploadRequest`` before anything is sent.
public struct UploadPlan: Hashable, Sendable {
    /// The container that the file will be in, as lists name it; `nil`: none.
    public var session: String?
    /// Whether the upstream must be told beforehand how many bytes come.
    public var needsSize: Bool

    /// Creates a plan.
    public init(session: String?, needsSize: Bool) {
        self.session = session
        self.needsSize = needsSize
    }
}

/// An ``UploadRequest`` on its way, as its provider is given it at each try.
public struct UploadWork: Sendable {
    /// Names the work: two tries of one id are the same upload, and leave one file.
    public let id: UUID
    /// Who asked for it: whose bytes they are.
    public let owner: String
    /// When it was asked for.
    public let createdAt: Date
    /// What was asked for.
    public let request: UploadRequest
    /// What an earlier try kept; `nil` at the first.
    public let checkpoint: Data?

    /// Creates a piece of work.
    public init(id: UUID, owner: String, createdAt: Date, request: UploadRequest, checkpoint: Data? = nil) {
        self.id = id
        self.owner = owner
        self.createdAt = createdAt
        self.request = request
        self.checkpoint = checkpoint
    }
}

/// Where the bytes of an upload come from.
public struct UploadSource: Sendable {
    /// Bytes in all; `nil`: nobody knows before the end.
    public let size: Int64?
    /// Tells the file from any other: what an earlier try sent counts only where this is the same; empty where nothing does.
    public let revision: String
    /// Opens the bytes from an offset on, to the end; may be called again, at any offset, unless ``isOnce``.
    ///
    /// The body ends with an error where it is not all of the file: a complete end is the end of the file.
    public let open: @Sendable (_ offset: Int64) async throws(ProviderError) -> ContentBody
    /// Whether the bytes come only once, from the beginning.
    public let isOnce: Bool
    /// The SHA-256 in lower-case hex, where the source names one, or once every byte has gone by; `nil` before, and where bytes
    /// were left out.
    public let digest: @Sendable () -> String?

    /// Creates a source.
    public init(
        size: Int64?,
        revision: String,
        isOnce: Bool = false,
        digest: @escaping @Sendable () -> String? = { nil },
        open: @escaping @Sendable (_ offset: Int64) async throws(ProviderError) -> ContentBody
    ) {
        self.size = size
        self.revision = revision
        self.isOnce = isOnce
        self.digest = digest
        self.open = open
    }
}

extension UploadSource {
    /// Whether what an earlier try sent of the file of `revision` is a part of this one.
    public func continues(_ revision: String?) -> Bool {
        !self.isOnce && !self.revision.isEmpty && self.revision == revision
    }

    /// This source, telling with `true` when it fails, and with `false` when it is opened again.
    func watched(_ tell: @escaping @Sendable (_ isBroken: Bool) -> Void) -> UploadSource {
        let open = self.open
        return UploadSource(size: self.size, revision: self.revision, isOnce: self.isOnce, digest: self.digest) {
            offset async throws(ProviderError) in
            tell(false)
            do throws(ProviderError) {
                return try await open(offset).watched { tell(true) }
            } catch {
                tell(true)
                throw error
            }
        }
    }
}

extension ContentBody {
    /// This body, telling when it ends with an error, but not when it is let go of.
    fileprivate func watched(_ onFailure: @escaping @Sendable () -> Void) -> ContentBody {
        ContentBody {
            var iterator = self.makeAsyncIterator()
            return { () async throws(ProviderError) -> ByteBuffer? in
                do throws(ProviderError) {
                    return try await iterator.next()
                } catch {
                    if error.kind != .cancelled { onFailure() }
                    throw error
                }
            }
        }
    }
}
