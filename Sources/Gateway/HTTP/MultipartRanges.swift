// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOCore

/// The body of an answer with several parts of a file: `multipart/byteranges` (RFC 9110, 14.6).
struct MultipartRanges {
    let parts: [ClosedRange<Int64>]
    /// The size of the whole file.
    let size: Int64
    /// The file's media type, as it is fit for a field.
    let type: String
    let boundary: String

    /// A boundary that a file's author cannot foresee, lest the file end a part and begin one of its own.
    static func boundary(using source: inout some RandomNumberGenerator) -> String {
        (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &source) }.hexadecimal
    }

    /// The value of the answer's `Content-Type`.
    var contentType: String { "multipart/byteranges; boundary=\(self.boundary)" }

    /// The bytes of the whole body; `nil` where no number is large enough.
    var length: Int64? {
        var length = Int64(self.end.utf8.count)
        for index in self.parts.indices {
            for count in [Int64(self.head(index).utf8.count), self.parts[index].byteCount] {
                let sum = length.addingReportingOverflow(count)
                guard !sum.overflow else { return nil }
                length = sum.partialValue
            }
        }
        return length
    }

    /// The bytes of the parts, one after the other and not across parts, with what belongs around each.
    func framing(_ bytes: ContentBody) -> ContentBody {
        ContentBody {
            var (index, rest): (Int, Int64) = (-1, 0)
            let source = bytes.makeReader()
            return { () async throws(ProviderError) -> ByteBuffer? in
                if rest == 0 {
                    index += 1
                    guard index < self.parts.count else {
                        return index == self.parts.count ? ByteBuffer(string: self.end) : nil
                    }
                    rest = self.parts[index].byteCount
                    return ByteBuffer(string: self.head(index))
                }
                guard let buffer = try await source.next(), Int64(buffer.readableBytes) <= rest else {
                    throw .brokenOff
                }
                rest -= Int64(buffer.readableBytes)
                return buffer
            }
        }
    }

    private func head(_ index: Int) -> String {
        let part = self.parts[index]
        let range = "bytes \(part.lowerBound)-\(part.upperBound)/\(self.size)"
        return "\(index == 0 ? "" : "\r\n")--\(self.boundary)\r\n"
            + "Content-Type: \(self.type)\r\nContent-Range: \(range)\r\n\r\n"
    }

    private var end: String { "\r\n--\(self.boundary)--\r\n" }
}
