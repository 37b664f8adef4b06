// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import Transfer

/// The states of a download as a gateway tells them (`text/event-stream`, WHATWG HTML 9.2), up to the last one or to a break.
struct RemoteEvents: AsyncSequence {
    let body: TransferBody

    func makeAsyncIterator() -> Iterator { Iterator(source: self.body.makeAsyncIterator()) }

    struct Iterator: AsyncIteratorProtocol {
        var source: TransferBody.Iterator
        private var text = ByteBuffer()
        private var data = ""

        /// A line that is longer is no event of ours.
        private static let longestLine = 1 << 20

        init(source: TransferBody.Iterator) { self.source = source }

        /// The next state; `nil` where the stream ended, well or not.
        mutating func next() async throws -> RemoteDownload? {
            while true {
                while let line = self.line() {
                    if line.hasPrefix("data:") { self.data += line.dropFirst(5) }
                    guard line.isEmpty, !self.data.isEmpty else { continue }
                    defer { self.data = "" }
                    if let state = try? JSONDecoder().decode(RemoteDownload.self, from: Data(self.data.utf8)) {
                        return state
                    }
                }
                guard self.text.readableBytes < Self.longestLine, let more = try? await self.source.next() else {
                    return nil
                }
                self.text.writeImmutableBuffer(more)
            }
        }

        private mutating func line() -> String? {
            let view = self.text.readableBytesView
            guard let end = view.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
            let line = self.text.readString(length: end - view.startIndex)
            self.text.moveReaderIndex(forwardBy: 1)
            self.text.discardReadBytes()
            return line.map { $0.hasSuffix("\r") ? String($0.dropLast()) : $0 }
        }
    }
}
