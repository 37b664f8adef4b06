// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes

/// Browserbase's endpoints and wire types (docs.browserbase.com, browserbase SDK 1.22; providers.md, 3).
///
/// `Accept` decides between metadata and bytes at one URL, so that every call sets it.
struct BrowserbaseAPI: Sendable {
    let client: UpstreamClient

    /// All sessions, finished ones included: a bare array without pages, hence of any length.
    func sessions() async throws(ProviderError) -> [SessionItem] {
        var call = UpstreamCall(.get, "/v1/sessions")
        call.longestAnswer = 64 << 20
        return try await self.client.json([SessionItem].self, call)
    }

    /// The cheapest authenticated call.
    func check() async throws(ProviderError) {
        let call = UpstreamCall(.get, "/v1/sessions", query: [(name: "status", value: "RUNNING")])
        _ = try await self.client.json([SessionItem].self, call)
    }

    /// One page of a session's downloads.
    func downloads(session: String, filter: DownloadFilter, offset: Int) async throws(ProviderError) -> DownloadPage {
        let query =
            [(name: "sessionId", value: session)] + Self.query(of: filter) + [
                (name: "limit", value: String(Self.downloadsPerPage)), (name: "offset", value: String(offset)),
            ]
        return try await self.client.json(DownloadPage.self, UpstreamCall(.get, "/v1/downloads", query: query))
    }

    /// One download's metadata.
    func download(_ id: String) async throws(ProviderError) -> Item {
        try await self.client.json(Item.self, UpstreamCall(.get, "/v1/downloads/\(try URLPath.part(id))"))
    }

    /// One download's bytes.
    func content(_ id: String, range: ByteRange?) async throws(ProviderError) -> Content {
        let path = "/v1/downloads/\(try URLPath.part(id))"
        let call = UpstreamCall(.get, path, accept: "application/octet-stream", range: range, maxRedirects: 5)
        return try await self.client.content(call)
    }

    /// Removes a download.
    func delete(_ id: String) async throws(ProviderError) {
        try await self.client.perform(UpstreamCall(.delete, "/v1/downloads/\(try URLPath.part(id))"))
    }

    /// The older way to a session's downloads: one zip with all of them, empty where there are none.
    func archive(session: String) async throws(ProviderError) -> ZipArchive {
        let path = "/v1/sessions/\(try URLPath.part(session))/downloads"
        let call = UpstreamCall(.get, path, accept: "application/zip", maxRedirects: 5)
        return ZipArchive(try await self.client.content(call).body)
    }

    /// The vendor's largest page.
    static let downloadsPerPage = 100

    /// The filters as the vendor spells them; its times are inclusive, as ours, but finer than the milliseconds that we show:
    /// what it lets through at the edges is looked at once more.
    static func query(of filter: DownloadFilter) -> [(name: String, value: String)] {
        let fields: [(name: String, value: String?)] = [
            ("minSize", filter.minSize.map(String.init)),
            ("maxSize", filter.maxSize.map(String.init)),
            ("createdAfter", filter.createdAfter.map { RFC3339.format($0.addingTimeInterval(-0.001)) }),
            ("createdBefore", filter.createdBefore.map { RFC3339.format($0.addingTimeInterval(0.001)) }),
        ]
        return fields.compactMap { field in field.value.map { (name: field.name, value: $0) } }
    }

    struct SessionItem: Decodable {
        var id: WireID
        var createdAt: WireTime?
    }

    struct DownloadPage: Decodable {
        var downloads: [Item]
        var total: Lenient<Int>?
    }

    struct Item: Decodable {
        var id: WireID
        var sessionId: String?
        var filename: String
        var mimeType: String?
        var size: WireSize?
        var checksum: String?
        var createdAt: WireTime?
    }
}
