// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import HTTPTypes
import Hummingbird

/// The head of an answer with a file's bytes: its validators, its name, its type, its length.
struct ContentAnswer {
    private(set) var download: Download
    let id: String
    /// Strong, and made only of what the provider says, so that it does not change when the gateway learns a digest.
    ///
    /// `nil` where another file of the name and size could not be told from this one.
    private(set) var etag: String?
    /// The caller named `application/octet-stream`, so that the file's own type is not told.
    let asksForBytes: Bool
    /// The file's SHA-256 in hex, where its provider or the gateway knows it.
    private(set) var digest: String?
    /// The upstream's type, where the catalogue has none.
    var upstreamType: String?
    /// What stands between several parts of the file.
    var boundary = ""

    init(download: Download, id: String, digest: String?, asksForBytes: Bool) {
        self.download = download
        self.id = id
        self.digest = digest
        self.etag = Self.etag(of: download, id: id)
        self.asksForBytes = asksForBytes
    }

    /// This head for a file that turned out to be another when it was opened.
    func with(_ opened: OpenedContent) -> ContentAnswer {
        var answer = self
        if opened.download.revision != self.download.revision {
            answer.etag = Self.etag(of: opened.download, id: self.id)
            answer.digest = opened.download.checksum
        }
        answer.download = opened.download
        answer.upstreamType = opened.mimeType
        return answer
    }

    private static func etag(of download: Download, id: String) -> String? {
        guard !download.revision.isEmpty else { return nil }
        let digest = SHA256.hash(data: Data("\(id) \(download.revision)".utf8))
        return "\"" + Base64URL.encode(digest.prefix(15)) + "\""
    }

    var lastModified: Date? { self.download.completedAt ?? self.download.createdAt }

    /// What a 304 carries too.
    var validators: HTTPFields {
        var headers: HTTPFields = [.vary: "Accept", .cacheControl: "private, no-cache"]
        headers[.eTag] = self.etag
        headers[.lastModified] = self.lastModified.map(HTTPDate.format)
        return headers
    }

    /// The fields of every answer that is, or stands for, the bytes.
    private var headers: HTTPFields {
        var headers = self.validators
        headers[.contentType] = self.contentType
        headers[.contentDisposition] = ContentDisposition.attachment(filename: self.download.filename)
        headers[.acceptRanges] = "bytes"
        headers[.xContentTypeOptions] = "nosniff"
        if let digest = self.digest.flatMap(Data.init(hexadecimal:)) {
            headers[.reprDigest] = "sha-256=:\(digest.base64EncodedString()):"
        }
        return headers
    }

    private var contentType: String {
        self.asksForBytes ? MediaType.bytes : self.download.mimeType ?? self.upstreamType ?? MediaType.bytes
    }

    /// The bytes of the body that `ranges` ask for, none for all, where the size is known.
    func length(of ranges: [ByteRange]) -> Int64? {
        guard !ranges.isEmpty, let size = self.download.size else { return self.download.size }
        guard let parts = try? ranges.parts(size: size) else { return nil }
        return self.multipart(parts, size: size)?.length ?? parts.first?.byteCount
    }

    /// How several parts of the file are sent; `nil` where there are not several.
    private func multipart(_ parts: [ClosedRange<Int64>], size: Int64?) -> MultipartRanges? {
        guard parts.count > 1, let size else { return nil }
        return MultipartRanges(parts: parts, size: size, type: self.contentType, boundary: self.boundary)
    }

    /// What was opened, as its body is sent.
    func framing(_ opened: OpenedContent) -> OpenedContent {
        guard let multipart = self.with(opened).multipart(opened.parts, size: opened.totalSize) else { return opened }
        var opened = opened
        opened.length = multipart.length
        opened.body = multipart.framing(opened.body)
        return opened
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

    /// The answer with the bytes: 206 for a part or several, else 200.
    func response(_ opened: OpenedContent, body: ResponseBody) -> Response {
        var headers = self.headers
        if opened.skipped > 0 {
            let description = "\(opened.skipped) bytes of the upstream's body were skipped"
            headers.addServerTiming("skip;desc=\"\(description)\"")
        }
        if let multipart = self.multipart(opened.parts, size: opened.totalSize) {
            headers[.contentType] = multipart.contentType
            return Response(status: .partialContent, headers: headers, body: body)
        }
        guard let range = opened.range else { return Response(status: .ok, headers: headers, body: body) }
        let size = opened.totalSize.map(String.init) ?? "*"
        headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound)/\(size)"
        return Response(status: .partialContent, headers: headers, body: body)
    }
}
