// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import HTTPTypes
import Hummingbird

/// The head of an answer with a file's bytes: its validators, its name, its type, its length.
struct ContentAnswer {
    var download: Download
    let id: String
    /// The caller named `application/octet-stream`, so that the file's own type is not told.
    let asksForBytes: Bool
    /// The upstream's type, where the catalogue has none.
    var upstreamType: String?

    init(download: Download, id: String, asksForBytes: Bool) {
        self.download = download
        self.id = id
        self.asksForBytes = asksForBytes
    }

    /// This head for a file that turned out to be another when it was opened.
    func with(_ opened: OpenedContent) -> ContentAnswer {
        var answer = self
        answer.download = opened.download
        answer.upstreamType = opened.mimeType
        return answer
    }

    /// Strong, and made only of what the provider says, so that it does not change when the gateway learns a digest.
    var etag: String {
        let digest = SHA256.hash(data: Data("\(self.id) \(self.download.revision)".utf8))
        return "\"" + Base64URL.encode(digest.prefix(15)) + "\""
    }

    var lastModified: Date? { self.download.completedAt ?? self.download.createdAt }

    /// What a 304 carries too.
    var validators: HTTPFields {
        var headers: HTTPFields = [.eTag: self.etag, .vary: "Accept", .cacheControl: "private, no-cache"]
        headers[.lastModified] = self.lastModified.map(HTTPDate.format)
        return headers
    }

    /// The fields of every answer that is, or stands for, the bytes.
    private var headers: HTTPFields {
        var headers = self.validators
        headers[.contentType] =
            self.asksForBytes ? MediaType.bytes : self.download.mimeType ?? self.upstreamType ?? MediaType.bytes
        headers[.contentDisposition] = ContentDisposition.attachment(filename: self.download.filename)
        headers[.acceptRanges] = "bytes"
        headers[.xContentTypeOptions] = "nosniff"
        if let checksum = self.download.checksum, let digest = Data(hexadecimal: checksum) {
            headers[.reprDigest] = "sha-256=:\(digest.base64EncodedString()):"
        }
        return headers
    }

    /// The bytes of the body that `range` asks for, `nil` for all, where the size is known.
    func length(of range: ByteRange?) -> Int64? {
        guard let range, let size = self.download.size else { return self.download.size }
        return range.resolved(size: size).map { $0.upperBound - $0.lowerBound + 1 }
    }

    /// The answer to `HEAD`: the length where it is known, and no body.
    func head() -> Response {
        var headers = self.headers
        headers[.contentLength] = self.download.size.map(String.init)
        var response = Response(status: .ok, headers: headers)
        // An empty body would claim a length of zero for a file of unknown size.
        if self.download.size == nil { response.headers[.contentLength] = nil }
        return response
    }

    /// The answer with the bytes: 206 for a part, else 200.
    func response(_ opened: OpenedContent, body: ResponseBody) -> Response {
        var headers = self.headers
        guard let range = opened.range else { return Response(status: .ok, headers: headers, body: body) }
        let size = opened.totalSize.map(String.init) ?? "*"
        headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound)/\(size)"
        return Response(status: .partialContent, headers: headers, body: body)
    }
}
