// SPDX-License-Identifier: Apache-2.0

import CCurl
import HTTPTypes
public import Logging
import NIOConcurrencyHelpers
import NIOCore

/// Makes HTTP transfers through libcurl's multi interface, on a thread of its own.
///
/// ```swift
/// let client = TransferClient(egress: EgressPolicy(), logger: logger)
/// let response = try await client.execute(TransferRequest(url: "https://example.org/report.pdf"))
/// for try await bytes in response.body { try await file.write(bytes) }
/// await client.shutdown()
/// ```
///
/// The actor's executor is that thread, so transfers are ordinary isolated state. Entry points are `nonisolated` and post notes
/// to it; nothing but work on handles may run in here, for it would hold up every transfer.
public actor TransferClient {
    private let thread: CurlThread
    private let logger: Logger
    private let lastID = NIOLockedValueBox<TransferID>(0)
    private var judge: EgressJudge
    private var transfers: [TransferID: Transfer] = [:]
    private let buffers = BodyBuffers()
    private var isClosed = false

    /// The thread.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe self.thread.asUnownedSerialExecutor() }

    /// Starts the thread.
    public init(egress: EgressPolicy, logger: Logger) {
        self.thread = CurlThread()
        self.logger = logger
        self.judge = EgressJudge(egress)
        self.thread.serve(self)
    }

    deinit {
        // No transfer is left: each has a waiting task, a body or a note that holds the client.
        self.thread.stop()
    }

    /// Makes a request; returns at the answer's head, with any status.
    ///
    /// Cancelling the task ends the transfer at any moment.
    public nonisolated func execute(_ request: TransferRequest) async throws(TransferError) -> TransferResponse {
        var hop = try Hop(request)
        while true {
            let response = try await self.send(hop)
            let next = try hop.next(status: response.status, location: response.headers[.location])
            guard let next else { return response }
            hop = next
        }
    }

    private nonisolated func send(_ hop: Hop) async throws(TransferError) -> TransferResponse {
        let id = self.lastID.withLockedValue { last in
            last += 1
            return last
        }
        // A cancel may come before the start; the flag is what is not lost then.
        let isCancelled = NIOLockedValueBox(false)
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { onHead in
                self.post { $0.start(id, hop, isCancelled, onHead) }
            }
        } onCancel: {
            isCancelled.withLockedValue { $0 = true }
            self.post { $0.remove(id, TransferError(.cancelled)) }
        }
        if case .failure(let error) = answer {
            self.logger.debug("transfer failed", metadata: ["host": "\(hop.url.origin.host)", "kind": "\(error.kind)"])
        }
        return try answer.get()
    }

    /// Transfers that hold a handle now.
    public var openTransfers: Int { self.transfers.count }

    /// Bytes of bodies that were taken from the network so far.
    var bytesReceived: UInt64 { self.buffers.received }

    /// Judges the transfers that start later by another policy; the listeners of this process stay refused.
    public func setEgress(_ policy: EgressPolicy) { self.judge = EgressJudge(policy, after: self.judge) }

    /// Transfers that were begun since the start, each redirect counted as one more.
    public nonisolated var begunTransfers: Int64 { Int64(clamping: self.lastID.withLockedValue { $0 }) }

    /// Names the listeners of this process, once their ports are known; they are refused to every transfer that starts later.
    public func setOwnListeners(_ listeners: [EgressPolicy.Listener]) {
        self.judge.setListeners(listeners)
    }

    /// Why an untrusted origin is refused, as far as is known before its name is resolved.
    func egressRefusal(of origin: Origin) -> String? {
        if let reason = self.judge.refusal(of: origin) { return reason }
        return IPAddress(origin.host).flatMap { self.judge.refusal(of: $0, port: origin.port, isTrusted: false) }
    }

    /// Refuses new transfers, fails the open ones, and ends the thread.
    ///
    /// Returns when all connections are closed. A second call does no harm.
    public nonisolated func shutdown() async {
        await withCheckedContinuation { done in
            self.post { client in
                client.close()
                client.thread.stop { done.resume() }
            }
        }
    }
}

// MARK: - On the thread

extension TransferClient {
    /// Has `note` run on the thread, after what was posted before.
    nonisolated func post(_ note: @escaping CurlThread.Note) {
        self.thread.post(self, note)
    }

    /// Begins a transfer, or resumes `onHead` with why not.
    private func start(
        _ id: TransferID,
        _ hop: Hop,
        _ isCancelled: NIOLockedValueBox<Bool>,
        _ onHead: CheckedContinuation<Result<TransferResponse, TransferError>, Never>
    ) {
        do throws(TransferError) {
            if self.isClosed { throw TransferError(.closed) }
            if isCancelled.withLockedValue(\.self) { throw TransferError(.cancelled) }
            try hop.check(self.judge)
        } catch {
            onHead.resume(returning: .failure(error))
            return
        }
        let delegate = TransferDelegate(client: self, id: id)
        guard let transfer = Transfer(id, hop, self.judge, self.buffers, delegate: delegate, onHead: onHead) else {
            onHead.resume(returning: .failure(TransferError(.connectFailed, detail: "no handle")))
            return
        }
        guard transfer.setUp(), unsafe curl_multi_add_handle(self.thread.multi, transfer.handle) == CURLM_OK else {
            transfer.end(TransferError(.connectFailed, detail: "a handle that cannot be set up"))
            return
        }
        self.transfers[id] = transfer
        self.buffers.transfers = self.transfers.count
        self.buffers.reading += transfer.readSize
        if case .stream(_, let source) = hop.body { transfer.upload.pulled(by: self.pump(source, id)) }
    }

    /// Ends a transfer, whatever the reason; the one place where a handle leaves.
    ///
    /// Not to be called inside a callback.
    func remove(_ id: TransferID, _ outcome: TransferError?) {
        guard let transfer = self.transfers.removeValue(forKey: id) else { return }
        _ = unsafe curl_multi_remove_handle(self.thread.multi, transfer.handle)
        self.buffers.transfers = self.transfers.count
        self.buffers.reading -= transfer.readSize
        transfer.end(outcome)
    }

    /// The reader of a body has room again.
    func resume(_ id: TransferID) {
        self.transfers[id]?.resume()
    }

    private func close() {
        self.isClosed = true
        for id in self.transfers.keys { self.remove(id, TransferError(.closed)) }
    }

    /// Lets libcurl do what can be done now; returns how long nothing is due.
    func turn() -> Duration {
        var running: Int32 = 0
        _ = unsafe curl_multi_perform(self.thread.multi, &running)
        self.removeDone()
        let now = ContinuousClock.now
        var wait = Duration.seconds(60)
        for transfer in self.transfers.values {
            transfer.settle(now)
            guard let deadline = transfer.deadline else { continue }
            if deadline.at <= now {
                self.remove(transfer.id, TransferError(deadline.kind))
            } else {
                wait = min(wait, now.duration(to: deadline.at))
            }
        }
        return wait
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
            self.remove(transfer.id, transfer.outcome(of: code))
        }
    }
}

// MARK: - Streamed request bodies

extension TransferClient {
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
