// SPDX-License-Identifier: Apache-2.0

/// What a provider can do: a promise that the conformance suite holds against its deeds.
///
/// Plain data and not protocols, so that it survives wrapping and prints at `/v1/providers`.
public struct Capabilities: Hashable, Sendable, Codable {
    /// It can name its newest sessions, so that a list without `sessionId` reaches them.
    public var listsSessions: Bool
    /// It holds downloads outside of any session.
    public var listsRoot: Bool
    /// The filters that it applies itself.
    public var filters: Set<FilterField>
    /// It answers a byte range with just that range.
    ///
    /// Without this the gateway cuts the range itself.
    public var ranges: Bool
    /// It knows files by name only, so that a newer file may come to stand under the same reference.
    public var namesAreIdentity: Bool
    /// It can remove a download.
    public var delete: Bool
    /// It can be told to fetch a URL.
    public var create: Bool
    /// It can stop a running transfer.
    public var cancel: Bool
    /// It can be given a file.
    public var upload: Bool
    /// Its lists show what it was given.
    public var listsUploads: Bool

    /// Creates capabilities; what is not named is not promised.
    public init(
        listsSessions: Bool = false,
        listsRoot: Bool = false,
        filters: Set<FilterField> = [],
        ranges: Bool = false,
        namesAreIdentity: Bool = false,
        delete: Bool = false,
        create: Bool = false,
        cancel: Bool = false,
        upload: Bool = false,
        listsUploads: Bool = true
    ) {
        self.listsSessions = listsSessions
        self.listsRoot = listsRoot
        self.filters = filters
        self.ranges = ranges
        self.namesAreIdentity = namesAreIdentity
        self.delete = delete
        self.create = create
        self.cancel = cancel
        self.upload = upload
        self.listsUploads = listsUploads
    }
}
