// SPDX-License-Identifier: Apache-2.0

import Downloads

/// The answer to a list, as JSON.
struct ListRepresentation: Encodable {
    let list: DownloadList
    let linkBase: String
    let limit: Int
    let offset: Int
    let nextCursor: String?

    private enum Key: String, CodingKey {
        case downloads, total, complete, limit, offset, nextCursor, sources
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        let downloads = self.list.downloads.map {
            DownloadRepresentation(id: $0.id, download: $0.download, linkBase: self.linkBase)
        }
        try container.encode(downloads, forKey: .downloads)
        try container.encode(self.list.total, forKey: .total)
        try container.encode(self.list.isComplete, forKey: .complete)
        try container.encode(self.limit, forKey: .limit)
        try container.encode(self.offset, forKey: .offset)
        try container.encode(self.nextCursor, forKey: .nextCursor)
        try container.encode(self.list.sources.map(Source.init), forKey: .sources)
    }

    private struct Source: Encodable {
        struct Failure: Encodable {
            let code: String
            let message: String
        }

        let provider: String
        let state: String
        let count: Int
        let ageSeconds: Int?
        let truncated: Bool?
        let error: Failure?

        init(_ report: SourceReport) {
            self.provider = report.provider.name
            self.state = report.state.rawValue
            self.count = report.count
            self.ageSeconds = report.ageSeconds
            self.truncated = report.isTruncated ? true : nil
            self.error = report.error.map(Problem.init).map { Failure(code: $0.code.rawValue, message: $0.detail) }
        }
    }
}
