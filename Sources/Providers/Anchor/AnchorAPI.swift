// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes

/// AnchorBrowser's endpoints and wire types (docs.anchorbrowser.io; providers.md, 2).
struct AnchorAPI: Sendable {
    let client: UpstreamClient

    /// One page, the newest sessions first.
    ///
    /// The vendor's own order is the oldest first, and 50 its largest page.
    func sessions(page: Int) async throws(ProviderError) -> SessionPage {
        let query = [("page", String(page)), ("limit", String(Self.sessionsPerPage)), ("sort_order", "desc")]
        let call = UpstreamCall(.get, "/v1/sessions", query: query.map { (name: $0.0, value: $0.1) })
        return try await self.client.json(Envelope<SessionPage>.self, call).data
    }

    /// All downloads of a session; the vendor has no pages here.
    func downloads(session: String) async throws(ProviderError) -> [Item] {
        let call = UpstreamCall(.get, "/v1/sessions/\(try URLPath.part(session))/downloads")
        return try await self.client.json(Envelope<Items>.self, call).data.items
    }

    /// The bytes behind an item's link, which is opaque and needs the key as long as it is Anchor's own.
    func content(_ link: String, range: ByteRange?) async throws(ProviderError) -> Content {
        try await self.client.follow(link, range: range, sendsCredential: true)
    }

    static let sessionsPerPage = 50

    struct Envelope<Value: Decodable>: Decodable {
        var data: Value
    }

    struct SessionPage: Decodable {
        var sessions: [SessionItem]
        var totalPages: Lenient<Int>?

        enum CodingKeys: String, CodingKey {
            case sessions
            case totalPages = "total_pages"
        }
    }

    struct SessionItem: Decodable {
        var id: WireID?
        var createdAt: WireTime?

        enum CodingKeys: String, CodingKey {
            case id
            case createdAt = "created_at"
        }
    }

    struct Items: Decodable {
        var items: [Item]
    }

    /// One download; the vendor documents every field as optional.
    struct Item: Decodable {
        var id: WireID?
        var fileLink: String?
        var originalDownloadURL: String?
        var originURL: String?
        var suggestedFileName: String?
        var originalFileName: String?
        var duration: WireSize?
        var size: WireSize?
        var createdAt: WireTime?

        enum CodingKeys: String, CodingKey {
            case id
            case fileLink = "file_link"
            case originalDownloadURL = "original_download_url"
            case originURL = "origin_url"
            case suggestedFileName = "suggested_file_name"
            case originalFileName = "original_file_name"
            case duration
            case size
            case createdAt = "created_at"
        }
    }
}
