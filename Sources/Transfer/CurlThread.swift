// SPDX-License-Identifier: Apache-2.0

import CCurl
import Foundation
import NIOConcurrencyHelpers

/// A thread that touches one multi handle of libcurl, as the executor of ``TransferDriver``.
///
/// It runs what was enqueued, lets the driver drive its transfers, and sleeps in `curl_multi_poll` until a socket, a deadline
/// or a new piece of work wakes it. The multi handle is its own.
///
/// `@safe`: `multi` and `sockets` are used on the thread only, but for `curl_multi_wakeup`, which any thread may call and which happens under
/// the lock and never after `isClosed`.
@safe
final class CurlThread: SerialExecutor {
    /// What the thread wakes for, beside new work and libcurl's own sockets.
    struct Awaited {
        var time: Duration
        var sockets: [curl_waitfd] = []
    }

    /// Something to do with the driver, on the thread.
    ///
    /// It holds the driver until it has run, so that no transfer outlives it.
    typealias Note = @Sendable (isolated TransferDriver) -> Void

    private enum Work {
        case job(UnownedJob)
        case note(TransferDriver, Note)
    }

    private struct State {
        weak var driver: TransferDriver?
        var work: [Work] = []
        var isRunning = false
        var thread: pthread_t?
        var isSleeping = false
        var isStopped = false
        var isClosed = false
        var onEnd: [@Sendable () -> Void] = []
    }

    /// Guard: see the type.
    nonisolated(unsafe) let multi: UnsafeMutableRawPointer?
    /// Those of the multi handle's connections.
    ///
    /// Guard: see the type.
    nonisolated(unsafe) let sockets = ConnectionSockets()
    private let state = NIOLockedValueBox(State())

    /// Idle connections that are kept; beyond it the oldest is closed.
    private static let idleConnections = 64

    init() {
        let multi = CurlLibrary.isReady ? unsafe curl_multi_init() : nil
        if let multi = unsafe multi {
            _ = unsafe ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, Self.idleConnections)
            // One request at a time per connection: a paused body must hold back its own socket only.
            _ = unsafe ccurl_multi_set_long(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING)
        }
        unsafe self.multi = multi
    }

    /// Names the driver whose transfers are driven; it is held weakly.
    func serve(_ driver: TransferDriver) {
        self.state.withLockedValue { $0.driver = driver }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        self.add(.job(UnownedJob(job)))
    }

    /// Runs `note` on the thread, soon.
    func post(_ driver: TransferDriver, _ note: @escaping Note) {
        self.add(.note(driver, note))
    }

    /// Ends the thread when it has nothing left to do; `onEnd` is called after the multi handle is gone.
    func stop(_ onEnd: (@Sendable () -> Void)? = nil) {
        self.state.withLockedValue { state in
            state.isStopped = true
            if let onEnd { state.onEnd.append(onEnd) }
            self.startOrWake(&state)
        }
    }

    private func add(_ work: Work) {
        self.state.withLockedValue { state in
            state.work.append(work)
            self.startOrWake(&state)
        }
    }

    /// A thread is started for the first piece of work, and for work that comes after the end: an actor's jobs must always run.
    private func startOrWake(_ state: inout State) {
        guard state.isRunning else {
            state.isRunning = true
            let thread = Thread { self.run() }
            thread.name = "sluice-curl"
            thread.start()
            return
        }
        guard state.isSleeping, !state.isClosed else { return }
        state.isSleeping = false
        _ = unsafe curl_multi_wakeup(self.multi)
    }

    private func run() {
        self.state.withLockedValue { $0.thread = pthread_self() }
        while self.work() {
            self.sleep(until: self.drive())
        }
    }

    /// Does what was enqueued meanwhile; `false` where the thread has ended.
    ///
    /// A function of its own, so that what the notes hold is let go of before the thread sleeps.
    private func work() -> Bool {
        let work = self.state.withLockedValue { state in
            defer { state.work = [] }
            return state.isStopped && state.work.isEmpty ? nil : state.work
        }
        guard let work else { return self.end() }
        for piece in work { self.perform(piece) }
        return true
    }

    /// Ends the thread, unless there is work again; returns whether it goes on.
    private func end() -> Bool {
        let ended: (closesNow: Bool, onEnd: [@Sendable () -> Void])? = self.state.withLockedValue { state in
            guard state.work.isEmpty else { return nil }
            defer { (state.isClosed, state.isRunning, state.thread, state.onEnd) = (true, false, nil, []) }
            return (!state.isClosed, state.onEnd)
        }
        guard let ended else { return true }
        if ended.closesNow {
            _ = unsafe curl_multi_cleanup(self.multi)
            unsafe self.sockets.closeIdle()
        }
        for onEnd in ended.onEnd { onEnd() }
        return false
    }

    private func perform(_ piece: Work) {
        switch piece {
        case .job(let job): unsafe job.runSynchronously(on: self.asUnownedSerialExecutor())
        case .note(let driver, let note): driver.assumeIsolated(note)
        }
    }

    /// One turn of libcurl; returns what ends the sleep after it.
    private func drive() -> Awaited {
        let driver = self.state.withLockedValue { $0.isClosed ? nil : $0.driver }
        guard let driver, unsafe self.multi != nil else { return Awaited(time: .seconds(1)) }
        return driver.assumeIsolated { $0.turn() }
    }

    private func sleep(until awaited: Awaited) {
        let sleeps = self.state.withLockedValue { state in
            state.isSleeping = state.work.isEmpty && !state.isStopped
            return state.isSleeping
        }
        guard sleeps else { return }
        let (seconds, attoseconds) = awaited.time.components
        // Rounded up, or the last millisecond before a deadline would be spun through.
        let milliseconds = min(seconds, 3600) * 1000 + attoseconds / 1_000_000_000_000_000 + 1
        var sockets = awaited.sockets
        _ = unsafe curl_multi_poll(
            self.multi,
            &sockets,
            UInt32(clamping: sockets.count),
            Int32(clamping: milliseconds),
            nil
        )
        self.state.withLockedValue { $0.isSleeping = false }
    }

    func isIsolatingCurrentContext() -> Bool? {
        self.state.withLockedValue { $0.thread == pthread_self() }
    }

    func checkIsolated() {
        precondition(self.isIsolatingCurrentContext() == true, "libcurl was touched outside its thread")
    }
}

/// libcurl's process-wide state.
enum CurlLibrary {
    /// Whether libcurl could be initialised; done once, at the first use.
    static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// Whether a paused transfer of HTTP without TLS has nothing in buffers of its own but what it counts as downloaded.
    ///
    /// The versions before 8 read a body into one buffer, never beyond its end, and hand it on at once. Later ones were not
    /// looked at: some read ahead.
    static let leavesBytesInSockets = ccurl_version_number() < 0x080000
}
