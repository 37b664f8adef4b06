// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// One question to one provider: the downloads of one container.
public struct ListQuery: Hashable, Sendable {
    /// The container; `nil` for what lies outside of any (only where ``Capabilities/listsRoot``).
    public var session: String?

    /// What the upstream is asked to filter; only fields named in ``Capabilities/filters``.
    public var filter: DownloadFilter

    /// Where to go on: ``Page/next`` of the page before.
    public var page: PageToken?

    /// Creates a question.
    public init(session: String?, filter: DownloadFilter = DownloadFilter(), page: PageToken? = nil) {
        self.session = session
        self.filter = filter
        self.page = page
    }
}

/// Where a provider's next page begins; only the adapter that made it can read it.
public struct PageToken: Hashable, Sendable {
    /// The adapter's own text.
    public let value: String

    /// Wraps an adapter's text.
    public init(_ value: String) { self.value = value }
}

/// A piece of a longer list.
public struct Page<Element: Sendable>: Sendable {
    /// The elements, in the provider's order.
    public var items: [Element]
    /// Where the next piece begins; `nil` at the end.
    public var next: PageToken?

    /// Creates a page.
    public init(items: [Element], next: PageToken? = nil) {
        self.items = items
        self.next = next
    }
}

/// A container that a provider knows: a browser session, a machine, a directory.
public struct Session: Hashable, Sendable, Codable {
    /// The provider's id of it, as callers write it in `sessionId`.
    public var id: String
    /// When it began, where known.
    public var createdAt: Date?

    /// Creates a session.
    public init(id: String, createdAt: Date? = nil) {
        self.id = id
        self.createdAt = createdAt
    }
}
