// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Transfer

/// What a later try goes on from: how many bytes are on the disk for certain, and of which file they are.
struct WebCheckpoint: Codable, Hashable, Sendable {
    /// Bytes that would survive a loss of power.
    var bytes: Int64 = 0
    /// The whole file's size.
    var total: Int64?
    /// What tells the server's file from another one; `nil`: nothing does, so that each try begins anew.
    var validator: String?
    /// The server's name for the file.
    var name: String?
    var mimeType: String?
    /// The server's ranges have turned out to be none.
    var isWholeOnly: Bool?

    /// Before the first answer.
    init() {}

    /// Reads what an earlier try kept; what cannot be read counts for nothing.
    init(_ kept: Data?) {
        let known = kept.flatMap { try? JSONDecoder().decode(WebCheckpoint.self, from: $0) }
        self =
            known.flatMap { $0.bytes >= 0 && ($0.validator != nil || $0.isWhole || $0.bytes == 0) ? $0 : nil }
            ?? WebCheckpoint()
    }

    /// What the head of an answer says.
    init(_ head: ContentAnswer, _ response: TransferResponse, _ request: CreateRequest, now: Date) {
        self.total = head.totalSize ?? head.length
        self.validator = head.validator ?? Self.oldDate(response.headers)
        self.mimeType = head.mimeType
        self.name =
            response.headers[.contentDisposition].flatMap(DispositionName.read)
            ?? URLName.read(response.url) ?? URLName.read(request.url)
    }

    /// Whether all bytes are there.
    var isWhole: Bool { self.total == self.bytes && self.bytes > 0 }

    var data: Data { (try? JSONEncoder().encode(self)) ?? Data() }

    /// A date of last change that is a strong validator: a minute or more before the answer (RFC 9110, 8.8.2.2).
    private static func oldDate(_ headers: HTTPFields) -> String? {
        guard let changed = headers[.lastModified], let changedAt = HTTPDate.parse(changed),
            let answeredAt = headers[.date].flatMap(HTTPDate.parse), answeredAt.timeIntervalSince(changedAt) >= 60
        else { return nil }
        return changed
    }
}

/// The file name in a URL.
enum URLName {
    /// The last part of the path, decoded; `nil` where there is none.
    static func read(_ url: String) -> String? {
        let path = url.prefix { $0 != "?" && $0 != "#" }
        guard let scheme = path.range(of: "://") else { return nil }
        let parts = path[scheme.upperBound...].split(separator: "/")
        guard parts.count > 1, let last = parts.last else { return nil }
        return String(last).removingPercentEncoding ?? String(last)
    }
}
