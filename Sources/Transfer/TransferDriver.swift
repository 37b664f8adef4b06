// SPDX-License-Identifier: Apache-2.0

import CCurl
import NIOConcurrencyHelpers
import NIOCore
import Synchronization

/// Drives some of a client's transfers, through a multi handle of libcurl's on a thread of its own.
///
/// The actor's executor is that thread, so transfers are ordinary isolated state. Entry points are `nonisolated` and post notes
/// to it; nothing but work on handles may run in here, for it would hold up every other transfer.
actor TransferDriver {
    private let thread = CurlThread()
    private let lastID = Atomic<TransferID>(0)
    private let underway = Atomic(0)
    private var transfers: [TransferID: Transfer] = [:]
    private let buffers: BodyBuffers
    private let pipes = RelayPipes()
    private var isClosed = false

    /// The thread.
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe self.thread.asUnownedSerialExecutor() }

    /// Its thread starts with the first transfer.
    init(sharing budget: BodyBudget) {
        self.buffers = BodyBuffers(sharing: budget)
        self.thread.serve(self)
    }

    deinit {
        // No transfer is left: each has a waiting task, a body or a note that holds the driver.
        self.thread.stop()
    }

    /// Transfers that are here, or were promised by ``reserve()``.
    nonisolated var load: Int { self.underway.load(ordering: .relaxed) }

    /// Transfers that were begun so far.
    nonisolated var begun: TransferID { self.lastID.load(ordering: .relaxed) }

    /// Counts a transfer that is about to be sent, once for each call of ``send(_:_:)``.
    nonisolated func reserve() { self.underway.add(1, ordering: .relaxed) }

    /// Makes a request that was reserved; returns at the answer's head.
    nonisolated func send(_ hop: Hop, _ judge: EgressJudge) async throws(TransferError) -> TransferResponse {
        let id = self.lastID.wrappingAdd(1, ordering: .relaxed).newValue
        // A cancel may come before the start; the flag is what is not lost then.
        let isCancelled = NIOLockedValueBox(false)
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { onHead in
                self.post { driver in
                    guard !driver.start(id, hop, judge, isCancelled, onHead) else { return }
                    driver.underway.subtract(1, ordering: .relaxed)
                }
            }
        } onCancel: {
            isCancelled.withLockedValue { $0 = true }
            self.post { $0.remove(id, TransferError(.cancelled)) }
        }
        return try answer.get()
    }

    /// Refuses new transfers, fails the open ones, and ends the thread.
    ///
    /// Returns when all connections are closed. A second call does no harm.
    nonisolated func shutdown() async {
        await withCheckedContinuation { done in
            self.post { driver in
                driver.close()
                driver.thread.stop { done.resume() }
            }
        }
    }
}

// MARK: - On the thread

extension TransferDriver {
    /// Has `note` run on the thread, after what was posted before.
    nonisolated func post(_ note: @escaping CurlThread.Note) {
        self.thread.post(self, note)
    }

    /// Begins a transfer; `false` where `onHead` was resumed with why not.
    private func start(
        _ id: TransferID,
        _ hop: Hop,
        _ judge: EgressJudge,
        _ isCancelled: NIOLockedValueBox<Bool>,
        _ onHead: CheckedContinuation<Result<TransferResponse, TransferError>, Never>
    ) -> Bool {
        do throws(TransferError) {
            if self.isClosed { throw TransferError(.closed) }
            if isCancelled.withLockedValue(\.self) { throw TransferError(.cancelled) }
            try hop.check(judge)
        } catch {
            onHead.resume(returning: .failure(error))
            return false
        }
        let delegate = TransferDelegate(driver: self, id: id)
        guard
            let transfer = Transfer(
                id,
                hop,
                judge,
                self.buffers,
                self.thread.sockets,
                delegate: delegate,
                onHead: onHead
            )
        else {
            onHead.resume(returning: .failure(TransferError(.connectFailed, detail: "no handle")))
            return false
        }
        guard transfer.setUp(), unsafe curl_multi_add_handle(self.thread.multi, transfer.handle) == CURLM_OK else {
            transfer.end(TransferError(.connectFailed, detail: "a handle that cannot be set up"))
            return false
        }
        self.transfers[id] = transfer
        self.buffers.begin(transfer.readSize)
        if case .stream(_, let source) = hop.body { transfer.upload.pulled(by: self.pump(source, id)) }
        return true
    }

    /// Ends a transfer, whatever the reason; the one place where a handle leaves.
    ///
    /// Not to be called inside a callback.
    func remove(_ id: TransferID, _ outcome: TransferError?) {
        guard let transfer = self.transfers.removeValue(forKey: id) else { return }
        self.thread.sockets.keep(transfer.socketToKeep) {
            _ = unsafe curl_multi_remove_handle(self.thread.multi, transfer.handle)
        }
        self.buffers.end(transfer.readSize)
        self.underway.subtract(1, ordering: .relaxed)
        transfer.end(outcome)
        if let relay = transfer.relay { self.pipes.giveBack(relay.pipe, isEmpty: relay.isEmpty) }
    }

    /// The reader of a body has room again.
    func resume(_ id: TransferID) {
        guard let transfer = self.transfers[id] else { return }
        guard transfer.relay == nil else {
            return self.remove(id, TransferError(.incomplete, detail: "a body that was relayed cannot be read"))
        }
        transfer.resume()
    }

    private func close() {
        self.isClosed = true
        for id in self.transfers.keys { self.remove(id, TransferError(.closed)) }
    }

    /// Lets libcurl, and relays, do what can be done now; returns what is waited for then.
    func turn() -> CurlThread.Awaited {
        var running: Int32 = 0
        _ = unsafe curl_multi_perform(self.thread.multi, &running)
        self.removeDone()
        let now = ContinuousClock.now
        var awaited = CurlThread.Awaited(time: .seconds(60))
        for transfer in self.transfers.values {
            transfer.settle(now)
            self.move(transfer, now, &awaited)
            guard let deadline = transfer.deadline else { continue }
            if deadline.at <= now {
                self.remove(transfer.id, TransferError(deadline.kind))
            } else {
                awaited.time = min(awaited.time, now.duration(to: deadline.at))
            }
        }
        return awaited
    }

    private func removeDone() {
        var left: Int32 = 0
        while let message = unsafe curl_multi_info_read(self.thread.multi, &left) {
            let (kind, handle, code) = unsafe (
                message.pointee.msg, message.pointee.easy_handle, message.pointee.data.result
            )
            var context: UnsafeMutableRawPointer?
            _ = unsafe ccurl_get_pointer(handle, CURLINFO_PRIVATE, &context)
            guard kind == CURLMSG_DONE, let transfer = unsafe Transfer.from(context) else { continue }
            let outcome = transfer.outcome(of: code)
            if transfer.beginsAgain(after: outcome), self.restart(transfer) { continue }
            self.remove(transfer.id, outcome)
        }
    }

    /// Has libcurl make the same request once more; whether it does.
    private func restart(_ transfer: Transfer) -> Bool {
        _ = unsafe curl_multi_remove_handle(self.thread.multi, transfer.handle)
        return unsafe curl_multi_add_handle(self.thread.multi, transfer.handle) == CURLM_OK
    }
}

// MARK: - Relaying

extension TransferDriver {
    /// Has the system move bytes of a body into a socket; see ``TransferBody/Iterator/relay(into:atMost:)``.
    nonisolated func relay(_ id: TransferID, into socket: CInt, atMost limit: Int) async -> Int? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { onReturn in
                self.post { $0.beginRelay(id, socket, limit, onReturn) }
            }
        } onCancel: {
            self.post { $0.remove(id, TransferError(.cancelled)) }
        }
    }

    private func beginRelay(
        _ id: TransferID,
        _ socket: CInt,
        _ limit: Int,
        _ onReturn: CheckedContinuation<Int?, Never>
    ) {
        guard let relay = self.transfers[id]?.relay(through: self.pipes) else { return onReturn.resume(returning: nil) }
        relay.begin(socket, limit, .now, onReturn)
    }

    private func move(_ transfer: Transfer, _ now: ContinuousClock.Instant, _ awaited: inout CurlThread.Awaited) {
        guard let relay = transfer.relay else { return }
        switch transfer.move(now) {
        case .moved: awaited.time = .zero
        case .waits: break
        case .over(let error): return self.remove(transfer.id, error)
        case .refused: return self.pipes.giveBack(transfer.endRelay(relay), isEmpty: true)
        }
        guard let (socket, isForBytes) = relay.awaited else { return }
        let events = Int16(isForBytes ? CURL_WAIT_POLLIN : CURL_WAIT_POLLOUT)
        awaited.sockets.append(curl_waitfd(fd: socket, events: events, revents: 0))
        if let due = relay.due { awaited.time = min(awaited.time, max(now.duration(to: due), .zero)) }
    }
}

// MARK: - Streamed request bodies

extension TransferDriver {
    /// Pulls the source, one element ahead of libcurl at most.
    ///
    /// Detached, because a source is a user's code and must not run on the thread, and because it may go on after the head came.
    private nonisolated func pump(
        _ source: any AsyncSequence<ByteBuffer, any Error> & Sendable,
        _ id: TransferID
    ) -> Task<Void, Never> {
        Task.detached {
            do {
                for try await bytes in source {
                    guard await self.offer(bytes, id) else { return }
                }
                self.post { $0.finishUpload(id) }
            } catch {
                let broken = TransferError(.incomplete, detail: "the request's body broke off")
                let failure = error is CancellationError ? TransferError(.cancelled) : error as? TransferError ?? broken
                self.post { $0.remove(id, failure) }
            }
        }
    }

    private nonisolated func offer(_ bytes: ByteBuffer, _ id: TransferID) async -> Bool {
        await withCheckedContinuation { onTaken in
            self.post { $0.take(bytes, id, onTaken) }
        }
    }

    private func take(_ bytes: ByteBuffer, _ id: TransferID, _ onTaken: CheckedContinuation<Bool, Never>) {
        guard let transfer = self.transfers[id] else {
            onTaken.resume(returning: false)
            return
        }
        transfer.upload.offer(bytes, onTaken: onTaken)
        transfer.resumeUpload()
    }

    private func finishUpload(_ id: TransferID) {
        self.transfers[id]?.upload.finish()
        self.transfers[id]?.resumeUpload()
    }
}
