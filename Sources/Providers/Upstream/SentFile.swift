// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import NIOConcurrencyHelpers
import NIOCore

/// An upload's source that is sent as one stream from the beginning, counted on its way.
final class SentFile: Sendable {
    private let source: UploadSource
    private let name: String
    private let report: CreateReport
    private let sent = NIOLockedValueBox((count: Int64(0), hash: SHA256()))

    init(_ source: UploadSource, of work: UploadWork, _ report: CreateReport) {
        self.source = source
        self.name = work.request.filename
        self.report = report
    }

    /// Bytes that were sent at the last try.
    var count: Int64 { self.sent.withLockedValue { $0.count } }
    /// Their SHA-256 in lower-case hex.
    var sha256: String { Data(self.sent.withLockedValue { $0.hash.finalize() }).hexadecimal }

    /// The bytes, as the body of a request.
    func stream(contentType: String?) -> UpstreamStream {
        UpstreamStream(length: self.source.size, contentType: contentType) { () async throws(ProviderError) in
            try await self.open()
        }
    }

    /// The bytes as the one part `file` of a form (RFC 7578).
    func form(size: Int64, mimeType: String?) -> UpstreamStream {
        let boundary = "sluice-\(UUID().uuidString)"
        // A safe name has neither control characters nor backslashes.
        let quoted = self.name.replacing("\"", with: "%22")
        let head = ByteBuffer(
            string: "--\(boundary)\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\(quoted)\"\r\n"
                + "Content-Type: \(mimeType ?? "application/octet-stream")\r\n\r\n"
        )
        let tail = ByteBuffer(string: "\r\n--\(boundary)--\r\n")
        let (length, overflows) = size.addingReportingOverflow(Int64(head.readableBytes + tail.readableBytes))
        return UpstreamStream(
            length: overflows ? nil : length,
            contentType: "multipart/form-data; boundary=\(boundary)"
        ) { () async throws(ProviderError) in
            try await self.open().between(head, tail)
        }
    }

    private func open() async throws(ProviderError) -> ContentBody {
        let body = try await self.source.open(0)
        self.sent.withLockedValue { $0 = (0, SHA256()) }
        let total = self.source.size
        return ContentBody {
            var iterator = body.makeAsyncIterator()
            var promise = PromisedLength(total)
            return { () async throws(ProviderError) -> ByteBuffer? in
                let bytes = try await iterator.next()
                try promise.take(bytes?.readableBytes)
                let position = self.sent.withLockedValue { sent in
                    guard let bytes else { return sent.count }
                    bytes.withUnsafeReadableBytes { sent.hash.update(bufferPointer: $0) }
                    sent.count += Int64(bytes.readableBytes)
                    return sent.count
                }
                self.report.progress(
                    CreateProgress(name: self.name, receivedBytes: position, totalBytes: total)
                )
                return bytes
            }
        }
    }
}

extension ContentBody {
    /// These bytes with others before and behind them.
    fileprivate func between(_ head: ByteBuffer, _ tail: ByteBuffer) -> ContentBody {
        ContentBody {
            var iterator = self.makeAsyncIterator()
            var (first, last): (ByteBuffer?, ByteBuffer?) = (head, tail)
            return { () async throws(ProviderError) -> ByteBuffer? in
                if let bytes = first {
                    first = nil
                    return bytes
                }
                if let bytes = try await iterator.next() { return bytes }
                defer { last = nil }
                return last
            }
        }
    }
}
