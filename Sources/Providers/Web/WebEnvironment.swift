// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// What the `web` provider is given by the gateway that it is a part of.
public struct WebEnvironment: Sendable {
    /// The folder of everything that is kept; each `web` provider has one of its own below it.
    public var storage: String
    /// The most bytes of one file.
    public var maxBytes: Int64
    /// How many redirects are followed.
    public var maxRedirects: Int

    private let folders = NIOLockedValueBox<[String: WebFolder]>([:])

    /// Creates an environment.
    public init(storage: String = "var", maxBytes: Int64 = 10_000_000_000, maxRedirects: Int = 5) {
        self.storage = storage
        self.maxBytes = maxBytes
        self.maxRedirects = maxRedirects
    }

    /// The folder of a provider: one owner of it in this process, however often the provider is made anew.
    func folder(of provider: String) -> WebFolder {
        let path = self.storage + "/files/" + provider
        return self.folders.withLockedValue { folders in
            if let known = folders[path] { return known }
            let folder = WebFolder(path)
            folders[path] = folder
            return folder
        }
    }
}
