// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Synchronization

@testable import Gateway

/// An upstream with ranges whose answers go wrong one after the other, as the test says.
final class BreakingUpstream: Sendable {
    /// How one answer goes wrong; each at a byte of *that* answer.
    enum Fault: Hashable, Sendable {
        case none
        /// The connection breaks.
        case cut(after: Int)
        /// It ends too early, and cleanly.
        case short(by: Int)
        /// It runs on.
        case long(by: Int)
        /// One byte is another.
        case flipped(at: Int)
        /// 200 with the whole file, whatever was asked for.
        case whole
        /// Another file under another validator; only after bytes of the first were given.
        case otherFile
        /// No strong validator.
        case noValidator
        /// Another size of the whole file.
        case otherSize
        /// A part that is not the one asked for.
        case otherRange
        /// A refusal in place of the answer.
        case refused(ProviderError.Kind, ProviderError.Retry)
        /// An HTML page with status 200.
        case html
    }

    static let capabilities = Capabilities(listsSessions: true, ranges: true)

    let bytes: Data
    /// Whether an answer says its length.
    let isLengthSaid: Bool
    private let faults: Mutex<[Fault]>
    private let hasAnswered = Mutex(false)
    private let piece: Int

    /// Answers after the last fault are as they should be.
    init(_ bytes: Data, _ faults: [Fault], piece: Int = 700, isLengthSaid: Bool = true) {
        self.bytes = bytes
        self.faults = Mutex(faults)
        self.piece = piece
        self.isLengthSaid = isLengthSaid
    }

    /// Faults that have not happened.
    var pending: Int { self.faults.withLock { $0.count } }

    func content(_ request: ContentRequest) throws(ProviderError) -> Content {
        let fault = self.faults.withLock { $0.isEmpty ? Fault.none : $0.removeFirst() }
        if case .refused(let kind, let retry) = fault {
            throw ProviderError(kind, retry: retry, message: "The upstream refuses.")
        }
        if fault == .html { return self.answer(Data("<!doctype html><h1>Just a moment...</h1>".utf8)) }
        var range = fault == .whole ? nil : request.range?.resolved(size: Int64(self.bytes.count))
        if fault == .otherRange, let asked = range, asked.lowerBound > 0 {
            range = (asked.lowerBound - 1)...asked.upperBound
        }
        let part = range.map { Data(self.bytes[Int($0.lowerBound)...Int($0.upperBound)]) } ?? self.bytes
        var content = self.answer(part)
        if self.isLengthSaid || range != nil { content.totalSize = Int64(self.bytes.count) }
        content.range = range
        content.validator = "\"one\""
        let isFirst = self.hasAnswered.withLock { known in
            defer { known = true }
            return !known
        }
        if !isFirst || fault != .otherFile { self.apply(fault, part, to: &content) }
        return content
    }

    private func answer(_ bytes: Data) -> Content {
        Content(
            length: self.isLengthSaid ? Int64(bytes.count) : nil,
            body: FakeBody(bytes, piece: self.piece).body
        )
    }

    private func apply(_ fault: Fault, _ part: Data, to content: inout Content) {
        switch fault {
        case .cut(let count):
            content.body = FakeBody(part.prefix(count), piece: self.piece).body.breaking()
        case .short(let count):
            content.body = FakeBody(part.dropLast(count), piece: self.piece).body
        case .long(let count):
            content.body = FakeBody(part + Data(repeating: 43, count: count), piece: self.piece).body
        case .flipped(let place) where place < part.count:
            var other = part
            other[other.startIndex + place] ^= 1
            content.body = FakeBody(other, piece: self.piece).body
        case .otherFile:
            content.validator = "\"two\""
            content.body = FakeBody(Data(part.map { $0 ^ 0xFF }), piece: self.piece).body
        case .noValidator: content.validator = nil
        case .otherSize: content.totalSize = Int64(self.bytes.count) + 1
        default: break
        }
    }
}

extension ContentBody {
    /// This body with a broken connection in place of its end, which a further try may mend.
    fileprivate func breaking() -> ContentBody {
        ContentBody {
            let source = self.makeReader()
            return { () async throws(ProviderError) -> ByteBuffer? in
                if let buffer = try await source.next() { return buffer }
                throw ProviderError(.unavailable, retry: .now, message: "The connection to the upstream broke.")
            }
        }
    }
}
