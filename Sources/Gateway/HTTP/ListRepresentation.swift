// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOCore

/// The answer to a list, as JSON; what stands in `downloads` is set in as texts, which are kept from answer to answer.
struct ListRepresentation: Encodable {
    let list: DownloadList
    let limit: Int
    let offset: Int
    let nextCursor: String?

    private enum Key: String, CodingKey {
        case downloads, total, complete, limit, offset, nextCursor, sources
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode([String](), forKey: .downloads)
        try container.encode(self.list.total, forKey: .total)
        try container.encode(self.list.isComplete, forKey: .complete)
        try container.encode(self.limit, forKey: .limit)
        try container.encode(self.offset, forKey: .offset)
        try container.encode(self.nextCursor, forKey: .nextCursor)
        try container.encode(self.list.sources.map(Source.init), forKey: .sources)
    }

    /// The whole text, with the texts of the downloads.
    func json(_ downloads: [ByteBuffer]) -> ByteBuffer {
        let frame = JSONText.encode(self).readableBytesView
        // Members are in alphabetical order, and in front of `downloads` there is only a boolean: the first bracket is its.
        let start = frame.firstIndex(of: UInt8(ascii: "[")).map { $0 + 1 } ?? frame.endIndex
        var text = ByteBuffer(frame[..<start])
        text.reserveCapacity(frame.count + downloads.reduce(0) { $0 + $1.readableBytes + 1 })
        for (index, download) in downloads.enumerated() {
            if index > 0 { text.writeInteger(UInt8(ascii: ",")) }
            text.writeImmutableBuffer(download)
        }
        text.writeBytes(frame[start...])
        return text
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
