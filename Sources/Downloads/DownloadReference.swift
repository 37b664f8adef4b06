// SPDX-License-Identifier: Apache-2.0

/// What finds a download again at its provider, with nothing else known.
///
/// It is carried, authenticated, inside the public id (``DownloadID``).
public struct DownloadReference: Hashable, Sendable {
    /// The configured provider that holds the file.
    public let provider: ProviderID

    /// The container: a browser session, a machine, a directory; `nil` for what lies outside of any.
    public let session: String?

    /// The provider's own identity of the file, in a form that only its adapter reads.
    public let item: String

    /// Creates a reference; the parts are checked by ``isWellFormed`` before a request is made from them.
    public init(provider: ProviderID, session: String?, item: String) {
        self.provider = provider
        self.session = session
        self.item = item
    }

    /// Whether the parts may be put into an upstream URL at all.
    ///
    /// An empty part would turn an item's URL into its collection's; a control character could split a header.
    public var isWellFormed: Bool {
        func isClean(_ text: String) -> Bool {
            (1...4096).contains(text.utf8.count)
                && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
        }
        return isClean(self.item) && (self.session.map(isClean) ?? true)
    }
}
