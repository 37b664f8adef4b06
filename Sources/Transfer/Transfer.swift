// SPDX-License-Identifier: Apache-2.0

import CCurl
import NIOCore

/// Names a transfer for as long as its driver lives; a handle's address is used again, a number is not.
typealias TransferID = UInt64

/// One easy handle, and what its callbacks know.
///
/// It is not `Sendable`: it lives in its driver's dictionary, hence on the driver's thread. Its callbacks (see
/// `Transfer+Callbacks.swift`) run inside `curl_multi_perform` and `curl_easy_pause`, on the same thread.
///
/// `@safe`: the handle, the list and the error buffer are freed in `deinit`, which runs on the thread and after the handle was
/// taken from the multi handle; nothing else keeps these pointers.
@safe
final class Transfer {
    let id: TransferID
    let hop: Hop
    let judge: EgressJudge
    let buffers: BodyBuffers
    let sockets: ConnectionSockets
    /// Bytes of libcurl's own buffer.
    let readSize: Int

    let handle: UnsafeMutableRawPointer
    let errorText: UnsafeMutablePointer<CChar>
    var headerList: UnsafeMutablePointer<curl_slist>?

    /// Waits for the head; taken by whoever resumes it.
    private var onHead: CheckedContinuation<Result<TransferResponse, TransferError>, Never>?
    private let source: TransferBody.Producer.Source
    private var producer: TransferBody.Producer?
    private let delegate: TransferDelegate

    var head = HeaderBlock()
    /// Why a callback refused; goes before what libcurl says of it.
    var failure: TransferError?
    /// Whether the connection is there and the request goes out.
    var isConnected = false
    /// The ends of that connection.
    var ends: ConnectionEnds?
    /// The socket that was opened for it; `nil` where it was there.
    var openedSocket: CInt?
    var connectionSource = ConnectionSource.libcurl
    var upload: Upload

    /// What came in this turn and was not handed on.
    var gathered = ByteBuffer()
    private var readerIsFull = false
    /// Whether the next piece is fetched when the reader asks for it.
    private var isOnDemand = false
    /// How many pieces may wait for the reader.
    private let depth: Int
    /// Bytes of each piece that the reader may have: in hand, and waiting.
    var handedOn: [Int] = []
    /// What those are together.
    var held = 0 {
        didSet { self.buffers.hold(self.held - oldValue) }
    }
    private(set) var isPaused = false

    /// Bytes of the body that libcurl gave.
    var received = 0
    /// What the body may be relayed up to: its length; `nil` where its reader reads it, or libcurl has to.
    var relayLength: Int?
    /// Whether the transfer stands still until its reader reads on, or has the rest relayed.
    private var awaitsRelay = false
    var relay: SocketRelay?
    /// Whether the upstream takes another request after a body that is relayed.
    private(set) var staysConnected = false

    private(set) var hasFirstByte = false
    private var isTouched = true
    private var lastTouch = ContinuousClock.now

    /// Creates a handle that is not set up; `nil` where libcurl has no memory.
    init?(
        _ id: TransferID,
        _ hop: Hop,
        _ judge: EgressJudge,
        _ buffers: BodyBuffers,
        _ sockets: ConnectionSockets,
        delegate: TransferDelegate,
        onHead: CheckedContinuation<Result<TransferResponse, TransferError>, Never>
    ) {
        guard let handle = unsafe curl_easy_init() else { return nil }
        unsafe self.handle = handle
        unsafe self.errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        unsafe self.errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        (self.id, self.hop, self.judge, self.onHead) = (id, hop, judge, onHead)
        (self.buffers, self.sockets) = (buffers, sockets)
        self.readSize = buffers.readSize
        self.upload = Upload(hop)
        self.delegate = delegate
        self.depth = max(1, buffers.depth)
        let made = TransferBody.Producer.makeSequence(
            backPressureStrategy: .init(lowWatermark: self.depth, highWatermark: self.depth),
            finishOnDeinit: true,
            delegate: delegate
        )
        (self.source, self.producer) = (made.source, made.sequence)
    }

    deinit {
        unsafe curl_easy_cleanup(self.handle)
        unsafe curl_slist_free_all(self.headerList)
        unsafe self.errorText.deallocate()
    }
}

// MARK: - What callbacks do

extension Transfer {
    /// Takes a header line; `false` ends the transfer.
    func takeHeaderLine(_ line: [UInt8]) -> Bool {
        self.isTouched = true
        self.hasFirstByte = true
        do {
            let wasComplete = self.head.isComplete
            switch try self.head.take(line) {
            case .complete where !wasComplete:
                self.relayLength = self.lengthForRelay
                self.staysConnected = self.relayLength != nil && self.head.staysConnected
            // The wait for the real answer starts again.
            case .interim: self.hasFirstByte = false
            case .complete, .partial: break
            }
            return true
        } catch {
            self.failure = TransferError(.malformed, detail: error.reason)
            return false
        }
    }

    /// Hands on a complete head; what came of the body in the same turn is there by then, so that its reader need not wait.
    private func deliverHead() {
        guard self.head.isComplete, let onHead = self.onHead, let producer = self.producer else { return }
        (self.onHead, self.producer) = (nil, nil)
        let body = TransferBody(producer, self.delegate)
        let head = TransferResponse(
            status: self.head.status,
            headers: self.head.takeFields(),
            url: self.hop.url.text,
            body: body
        )
        onHead.resume(returning: .success(head))
    }

    /// What became of bytes of the body.
    enum Taken {
        case taken, paused, dropped
    }

    /// Takes bytes of the body, all or none.
    func takeBody(_ bytes: UnsafeRawBufferPointer) -> Taken {
        self.isTouched = true
        // What was gathered goes first; these bytes are then either gathered or asked for again.
        if !self.readerIsFull, self.room < bytes.count, !self.flush() { return .dropped }
        if self.readerIsFull {
            self.isPaused = true
            return .paused
        }
        // libcurl hands out 16 KB at most: a full piece is most likely followed by more.
        if self.gathered.capacity == 0, bytes.count >= min(Int(CURL_MAX_WRITE_SIZE), self.buffers.size, self.readSize) {
            self.gathered = self.buffers.take()
            self.held = max(self.held, self.gathered.capacity)
        }
        unsafe self.gathered.writeBytes(bytes)
        self.received += bytes.count
        self.buffers.receive(bytes.count)
        if self.mayBeRelayed, !self.isPaused {
            // What this read did not take stays in the socket until it is clear who wants it, and so does the end.
            (self.awaitsRelay, self.isPaused) = (true, true)
            self.applyPauses()
        }
        // Of a read that one call takes whole, libcurl has nothing left to keep a copy of.
        if self.readSize <= Int(CURL_MAX_WRITE_SIZE), self.room < self.readSize { self.handOn() }
        return .taken
    }

    /// Bytes that the piece in hand still takes.
    private var room: Int { max(self.buffers.size, self.gathered.capacity) - self.gathered.readableBytes }

    /// Hands on what was gathered; `false` where the reader is gone.
    private func flush() -> Bool {
        guard self.gathered.readableBytes > 0 else { return true }
        let element = self.gathered
        self.gathered = ByteBuffer()
        self.buffers.lend(element)
        self.handedOn = self.handedOn.suffix(self.depth) + [element.capacity]
        self.held = self.handedOn.reduce(0, +)
        self.isOnDemand = self.awaitsRelay || self.buffers.depth == 0
        self.delegate.willYield(isOnDemand: self.isOnDemand, mayBeRelayed: self.awaitsRelay && self.mayBeRelayed)
        switch self.source.yield(element) {
        case .produceMore: self.readerIsFull = self.isOnDemand
        case .stopProducing: self.readerIsFull = true
        case .dropped: return false
        }
        return true
    }

    /// Gives bytes of the request's body.
    func giveBody(_ room: UnsafeMutableRawBufferPointer) -> Upload.Given {
        self.isTouched = true
        let given = unsafe self.upload.give(room)
        if case .failed(let error) = given { self.failure = error }
        return given
    }
}

// MARK: - What the driver does

extension Transfer {
    /// After a turn: hands on what came, and notes the time of what moved.
    func settle(_ now: ContinuousClock.Instant) {
        if self.isTouched { self.lastTouch = now }
        self.isTouched = false
        self.handOn()
        self.deliverHead()
    }

    /// Hands on what came, and pauses where the reader has enough: of what came after that, libcurl would keep a copy.
    private func handOn() {
        // Where the reader is gone, its delegate has asked for removal.
        guard self.flush(), self.readerIsFull, !self.isPaused else { return }
        self.isPaused = true
        self.applyPauses()
    }

    /// When the transfer is given up, and as what; `nil` while it waits for our own side.
    var deadline: (at: ContinuousClock.Instant, kind: TransferError.Kind)? {
        if let relay { return relay.lateFrom.map { ($0 + self.hop.limits.idle, .idleTimeout) } }
        if self.isPaused || (self.upload.isPaused && !self.head.isComplete) { return nil }
        if self.hasFirstByte { return (self.lastTouch + self.hop.limits.idle, .idleTimeout) }
        return (self.lastTouch + self.hop.limits.firstByte, .firstByteTimeout)
    }

    /// The reader has room again.
    func resume() {
        self.readerIsFull = false
        (self.relayLength, self.awaitsRelay) = (nil, false)
        if self.isOnDemand { (self.handedOn, self.held) = ([], 0) }
        guard self.isPaused else { return }
        self.isPaused = false
        self.isTouched = true
        self.applyPauses()
        // libcurl had kept a copy, and there is no room for another read beside it.
        if self.room < self.readSize { self.handOn() }
    }

    /// Bytes to send have come, or their end.
    func resumeUpload() {
        guard self.upload.isPaused else { return }
        self.upload.isPaused = false
        self.isTouched = true
        self.applyPauses()
    }

    /// libcurl may call the write callback from in here.
    private func applyPauses() {
        // Paused in one direction, libcurl reads once more all the same, and keeps that; nothing is sent where there is no body.
        let isHeldBack = self.upload.isPaused || (self.isPaused && !self.upload.isPresent)
        let mask = (self.isPaused ? CURLPAUSE_RECV : 0) | (isHeldBack ? CURLPAUSE_SEND : 0)
        _ = unsafe curl_easy_pause(self.handle, mask)
    }

    /// Ends all that waits for the transfer; called once, after the handle left the multi handle.
    func end(_ outcome: TransferError?) {
        var outcome = outcome
        if outcome == nil, !self.head.isComplete {
            outcome = TransferError(.incomplete, detail: "closed before the head's end")
        }
        self.delegate.end()
        _ = self.flush()
        self.held = 0
        self.relay?.answer(.now)
        self.upload.end()
        if let outcome { self.source.finish(outcome) } else { self.source.finish() }
        self.deliverHead()
        self.producer = nil
        if let onHead = self.onHead {
            self.onHead = nil
            onHead.resume(returning: .failure(outcome ?? TransferError(.incomplete)))
        }
    }
}
