// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore

/// The body of a request on its way to libcurl.
struct Upload {
    /// What libcurl is told when it asks for bytes.
    enum Given {
        case bytes(Int)
        case pause
        case failed(TransferError)
    }

    /// Whether there is a body at all.
    let isPresent: Bool
    /// Its length; `nil` is sent in chunks.
    let length: Int64?
    /// Whether libcurl waits for the source.
    var isPaused = false

    private let whole: ByteBuffer
    private let isStream: Bool
    private var rest: ByteBuffer
    private var given: Int64 = 0
    private var isAtEnd: Bool
    private var onTaken: CheckedContinuation<Bool, Never>?
    private var pump: Task<Void, Never>?

    /// The body of a hop; methods that mean one send a length of zero where there is none (RFC 9110, 8.6).
    init(_ hop: Hop) {
        (self.isPresent, self.length, self.whole, self.isStream) =
            switch hop.body {
            case .none: ([.post, .put, .patch].contains(hop.method), 0, ByteBuffer(), false)
            case .bytes(let bytes): (true, Int64(bytes.readableBytes), bytes, false)
            case .stream(let length, _): (true, length, ByteBuffer(), true)
            }
        self.rest = self.whole
        self.isAtEnd = !self.isStream
    }

    /// Fills the room with what is there.
    mutating func give(_ room: UnsafeMutableRawBufferPointer) -> Given {
        let count = min(room.count, self.rest.readableBytes)
        guard count > 0 else { return self.giveNothing() }
        if let length = self.length, Int64(count) > length - self.given {
            return .failed(TransferError(.incomplete, detail: "the request's body is longer than its length"))
        }
        unsafe self.rest.readWithUnsafeReadableBytes { bytes in
            unsafe room.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes.prefix(count)))
            return count
        }
        self.given += Int64(count)
        if self.rest.readableBytes == 0 { self.askForMore(true) }
        return .bytes(count)
    }

    private mutating func giveNothing() -> Given {
        guard self.isAtEnd else {
            self.isPaused = true
            return .pause
        }
        if let length = self.length, self.given < length {
            return .failed(TransferError(.incomplete, detail: "the request's body is shorter than its length"))
        }
        return .bytes(0)
    }

    /// Goes back to the start; `false` for a stream, which is gone.
    mutating func rewind() -> Bool {
        guard !self.isStream else { return false }
        (self.rest, self.given) = (self.whole, 0)
        return true
    }

    /// The task that pulls the source; it is cancelled with the transfer.
    mutating func pulled(by pump: Task<Void, Never>) {
        self.pump = pump
    }

    /// Takes the next element of the source; `onTaken` is resumed when libcurl has it, with `false` where nobody wants more.
    mutating func offer(_ bytes: ByteBuffer, onTaken: CheckedContinuation<Bool, Never>) {
        self.rest = bytes
        self.onTaken = onTaken
        if bytes.readableBytes == 0 { self.askForMore(true) }
    }

    /// The source has ended.
    mutating func finish() {
        self.isAtEnd = true
    }

    /// The transfer has ended.
    mutating func end() {
        self.askForMore(false)
        self.pump?.cancel()
        self.pump = nil
    }

    private mutating func askForMore(_ isWanted: Bool) {
        self.onTaken?.resume(returning: isWanted)
        self.onTaken = nil
    }
}
