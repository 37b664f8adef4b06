// SPDX-License-Identifier: Apache-2.0

/// The files of one container as they come by in the upstream's own archive: each once, in its order.
///
/// For one reader. The body of a file is over where the next one is asked for, and letting go of all this ends the transfer.
public protocol ArchivedFiles: AnyObject, Sendable {
    /// The next file, after passing over what is left of the one before; `nil` after the last.
    func next() async throws(ProviderError) -> ArchivedFile?
}

/// A file that is at hand in an archive.
public struct ArchivedFile: Sendable {
    /// Which download it is.
    public let reference: DownloadReference
    /// Its bytes, unpacked; held to the archive's own checksum at their end.
    public let body: ContentBody

    /// Creates a file.
    public init(reference: DownloadReference, body: ContentBody) {
        self.reference = reference
        self.body = body
    }
}
