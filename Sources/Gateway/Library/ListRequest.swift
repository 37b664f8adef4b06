// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// A caller's question for downloads, over any number of providers.
struct ListRequest: Sendable {
    /// The providers to ask; `nil`: all that the caller may see.
    var providers: [ProviderID]?
    /// The container; `nil`: every one.
    var session: String?
    var filter = DownloadFilter()
    var sort = SortOrder.newestFirst
    var window = Window.all
    var recency = Recency.usual

    /// Whether it asks for less than everything.
    var isNarrowed: Bool { self.providers != nil || self.session != nil || self.filter != DownloadFilter() }

    /// Which part of the matches is answered.
    enum Window: Sendable {
        /// Every match, bounded by `archive.maxFiles`.
        case all
        /// `limit` matches after the first `offset`.
        case offset(Int, limit: Int)
        /// `limit` matches after the one that the cursor names.
        case after(ListCursor, limit: Int)
    }
}

/// The order of a list; downloads without a value come last in both directions, then the id decides.
struct SortOrder: Hashable, Sendable {
    enum Field: String, Sendable, CaseIterable {
        case createdAt, filename, size
    }

    var field: Field
    var isDescending: Bool

    static let newestFirst = SortOrder(field: .createdAt, isDescending: true)

    init(field: Field, isDescending: Bool) {
        self.field = field
        self.isDescending = isDescending
    }

    /// Reads `createdAt`, `-size` and the like.
    init?(_ text: String) {
        let isDescending = text.hasPrefix("-")
        guard let field = Field(rawValue: String(isDescending ? text.dropFirst() : text[...])) else { return nil }
        self.init(field: field, isDescending: isDescending)
    }

    /// As the contract writes it.
    var text: String { (self.isDescending ? "-" : "") + self.field.rawValue }

    /// What a download is sorted by: its value, and its id where values are equal.
    func position(of item: ListedDownload) -> Position {
        switch self.field {
        case .createdAt: Position(number: item.download.createdAt?.timeIntervalSince1970, id: item.id)
        case .size: Position(number: item.download.size.map(Double.init), id: item.id)
        case .filename: Position(text: item.download.filename, id: item.id)
        }
    }

    /// Whether `left` stands before `right`.
    func areInOrder(_ left: Position, _ right: Position) -> Bool {
        switch (left.value, right.value) {
        case (nil, nil): break
        case (nil, _): return false
        case (_, nil): return true
        case (let left?, let right?) where left != right:
            return self.isDescending ? right < left : left < right
        default: break
        }
        return left.id < right.id
    }

    /// A place in a sorted list.
    struct Position: Hashable, Sendable, Codable {
        var number: Double?
        var text: String?
        var id: String

        fileprivate var value: Value? {
            self.number.map(Value.number) ?? self.text.map(Value.text)
        }
    }

    fileprivate enum Value: Comparable {
        case number(Double)
        case text(String)
    }
}

/// A download with its public id.
struct ListedDownload: Sendable {
    let id: String
    let download: Download
}

/// A merged list, and what became of each source.
struct DownloadList: Sendable {
    var downloads: [ListedDownload]
    /// All matches that are known.
    var total: Int
    /// No source failed or was cut.
    var isComplete: Bool
    /// Where the next page begins; `nil` at the end.
    var next: ListCursor?
    var sources: [SourceReport]
}

/// What became of one provider in a list.
struct SourceReport: Sendable {
    /// The contract's states.
    enum State: String, Sendable, CaseIterable {
        case fresh, cached, stale, absent, failed, skipped
    }

    var provider: ProviderID
    var state: State
    /// Matches that came from it.
    var count = 0
    /// The age of the oldest answer used, in whole seconds.
    var ageSeconds: Int?
    /// It has more than was looked at.
    var isTruncated = false
    /// Some of it could be read, whatever else failed.
    var hasAnswered = false
    var error: ProviderError?
}
