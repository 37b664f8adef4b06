// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// What a caller narrows a list by; every field that is set must match.
public struct DownloadFilter: Hashable, Sendable {
    /// The whole name, exactly.
    public var filename: String?
    /// Part of the name, in any letter case.
    public var nameContains: String?
    /// A media type, or a whole family as `image/*`.
    public var mimeType: String?
    /// The fewest bytes.
    public var minSize: Int64?
    /// The most bytes.
    public var maxSize: Int64?
    /// Created at this time or later.
    public var createdAfter: Date?
    /// Created at this time or before.
    public var createdBefore: Date?
    /// Any of these states; empty: all.
    public var statuses: Set<DownloadStatus>

    /// Creates a filter; without arguments it matches everything.
    public init(
        filename: String? = nil,
        nameContains: String? = nil,
        mimeType: String? = nil,
        minSize: Int64? = nil,
        maxSize: Int64? = nil,
        createdAfter: Date? = nil,
        createdBefore: Date? = nil,
        statuses: Set<DownloadStatus> = []
    ) {
        self.filename = filename
        self.nameContains = nameContains
        self.mimeType = mimeType
        self.minSize = minSize
        self.maxSize = maxSize
        self.createdAfter = createdAfter
        self.createdBefore = createdBefore
        self.statuses = statuses
    }

    /// Whether `download` passes.
    ///
    /// A field that the download does not know fails a filter on it.
    public func matches(_ download: Download) -> Bool {
        if let filename, download.filename != filename, download.name != filename { return false }
        if let nameContains, !download.filename.lowercased().contains(nameContains.lowercased()) { return false }
        if let mimeType, !Self.matches(download.mimeType, pattern: mimeType) { return false }
        if let minSize, (download.size ?? -1) < minSize { return false }
        if let maxSize, (download.size ?? .max) > maxSize { return false }
        if let createdAfter, Self.shown(download.createdAt ?? .distantPast) < Self.shown(createdAfter) { return false }
        if let createdBefore, Self.shown(download.createdAt ?? .distantFuture) > Self.shown(createdBefore) {
            return false
        }
        return self.statuses.isEmpty || self.statuses.contains(download.status)
    }

    /// A time in the milliseconds that callers see it in, some of whom ask for just that.
    private static func shown(_ time: Date) -> Double { (time.timeIntervalSince1970 * 1000).rounded() }

    private static func matches(_ type: String?, pattern: String) -> Bool {
        guard let essence = type?.split(separator: ";").first?.lowercased().trimming() else { return false }
        let pattern = pattern.lowercased()
        return pattern.hasSuffix("/*") ? essence.hasPrefix(pattern.dropLast(1)) : essence == pattern
    }
}

extension String {
    fileprivate func trimming() -> String { self.filter { $0 != " " && $0 != "\t" } }
}

/// The filters that an upstream may apply itself; see ``Capabilities/filters``.
public enum FilterField: String, Sendable, Codable, CaseIterable {
    /// The exact name.
    case filename
    /// An exact media type.
    case mimeType
    /// The fewest bytes.
    case minSize
    /// The most bytes.
    case maxSize
    /// The earliest creation time.
    case createdAfter
    /// The latest creation time.
    case createdBefore
}

extension DownloadFilter {
    /// This filter with only those fields that an upstream with `fields` applies itself.
    ///
    /// A media type family is never passed on: no upstream documents `image/*`.
    public func narrowed(to fields: Set<FilterField>) -> DownloadFilter {
        DownloadFilter(
            filename: fields.contains(.filename) ? self.filename : nil,
            mimeType: fields.contains(.mimeType) && self.mimeType?.hasSuffix("/*") == false ? self.mimeType : nil,
            minSize: fields.contains(.minSize) ? self.minSize : nil,
            maxSize: fields.contains(.maxSize) ? self.maxSize : nil,
            createdAfter: fields.contains(.createdAfter) ? self.createdAfter : nil,
            createdBefore: fields.contains(.createdBefore) ? self.createdBefore : nil
        )
    }
}
