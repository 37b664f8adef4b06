// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes

/// The conditions of a request (RFC 9110, 13), held against a file's validators.
struct Preconditions {
    /// What the conditions come to.
    enum Outcome: Equatable {
        /// Go on.
        case proceed
        /// 304: the caller has it.
        case notModified
        /// 412: it is not what the caller means.
        case failed
    }

    private let headers: HTTPFields

    init(_ headers: HTTPFields) { self.headers = headers }

    /// Whether there is one that a request which changes something is held to.
    var areGiven: Bool {
        [.ifMatch, .ifUnmodifiedSince, .ifNoneMatch].contains { self.headers.contains($0) }
    }

    /// In the order of RFC 9110, 13.2.2; `isRead` for GET and HEAD, and no `etag` where no tag can be the file's.
    func evaluate(etag: String?, lastModified: Date?, isRead: Bool) -> Outcome {
        if let ifMatch = self.headers[.ifMatch] {
            guard Self.list(ifMatch, contains: etag, weakly: false) else { return .failed }
        } else if let since = self.headers[.ifUnmodifiedSince].flatMap(HTTPDate.parse), let lastModified {
            guard lastModified.isNotLater(than: since) else { return .failed }
        }
        if let ifNoneMatch = self.headers[.ifNoneMatch] {
            guard Self.list(ifNoneMatch, contains: etag, weakly: true) else { return .proceed }
            return isRead ? .notModified : .failed
        }
        if isRead, let since = self.headers[.ifModifiedSince].flatMap(HTTPDate.parse), let lastModified {
            return lastModified.isNotLater(than: since) ? .notModified : .proceed
        }
        return .proceed
    }

    /// Whether a `Range` is to be honoured: `If-Range` is missing, or names just this file (RFC 9110, 13.1.5).
    func allowsRange(etag: String?, lastModified: Date?) -> Bool {
        guard let ifRange = self.headers[.ifRange] else { return true }
        if ifRange.hasPrefix("\"") { return ifRange == etag }
        guard let date = HTTPDate.parse(ifRange), let lastModified else { return false }
        return date.timeIntervalSince1970 == lastModified.timeIntervalSince1970.rounded(.down)
    }

    /// Whether the value is `*`, or a list with the tag in it (RFC 9110, 13.1.1 and 13.1.2).
    private static func list(_ value: String, contains etag: String?, weakly: Bool) -> Bool {
        if value.trimmingBlanks() == "*" { return true }
        guard let etag else { return false }
        return self.members(of: value).contains { $0 == etag || (weakly && $0 == "W/" + etag) }
    }

    /// The members of a list; a comma within quotes belongs to its tag (RFC 9110, 8.8.3).
    private static func members(of value: String) -> [String] {
        var isQuoted = false
        let members = value.utf8.split { byte in
            if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            return byte == UInt8(ascii: ",") && !isQuoted
        }
        return members.map { Substring($0).trimmingBlanks() }
    }
}

extension Date {
    /// Compared by whole seconds, which is all that an HTTP date has.
    fileprivate func isNotLater(than other: Date) -> Bool {
        self.timeIntervalSince1970.rounded(.down) <= other.timeIntervalSince1970.rounded(.down)
    }
}
