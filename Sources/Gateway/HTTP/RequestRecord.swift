// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOConcurrencyHelpers
import Tracing

/// What becomes known of a request on its way, for its one log entry.
///
/// It is opened by ``LogMiddleware`` and closed once: after the last body byte is out, or the error in its place. A record
/// that is let go unclosed (the client left before the body began) closes itself, so that no request is missing from the log.
final class RequestRecord: Sendable {
    private struct State {
        var entry: LogEntry
        var write: (@Sendable (LogEntry) -> Void)?
        var permits: [ConcurrencyPermit] = []
        var isStreaming = false
        var bodyBeganOn: ContinuousClock.Instant?
        /// How it ends if all of the answer goes out; set once that is known.
        var ending: (outcome: LogEntry.Outcome, bytes: Int64)?
        /// Whether the answer went out; `nil` while that is open.
        var isSent: Bool?
        var metadata: KnownMetadata?
    }

    let requestID: String
    private let trace: RequestTrace?
    private let startedOn: ContinuousClock.Instant
    private let state: NIOLockedValueBox<State>

    /// Opens a record; `write` is called once, with the finished entry.
    init(
        _ entry: LogEntry,
        trace: RequestTrace? = nil,
        startedOn: ContinuousClock.Instant = .now,
        write: (@Sendable (LogEntry) -> Void)?
    ) {
        self.requestID = entry.requestId
        self.trace = trace
        self.startedOn = startedOn
        self.state = NIOLockedValueBox(State(entry: entry, write: write))
    }

    /// A record of nothing, for contexts that no request has reached yet.
    static let silent = RequestRecord(
        LogEntry(
            time: Date(timeIntervalSince1970: 0),
            requestId: "",
            method: "",
            target: "",
            status: 0,
            outcome: .failed
        ),
        write: nil
    )

    deinit { self.close(.clientGone, bytesOut: 0) }

    // MARK: Facts

    /// Adds facts.
    func note(_ change: (inout LogEntry) -> Void) { self.state.withLockedValue { change(&$0.entry) } }

    /// Notes which download the request is about.
    func note(_ reference: DownloadReference, id: String) {
        self.note { entry in
            entry.provider = reference.provider.name
            entry.sessionId = reference.session
            entry.downloadId = id
        }
    }

    /// What is noted so far.
    var facts: LogEntry { self.state.withLockedValue { $0.entry } }

    /// What was answered, where that may be given again to who asks the same.
    var metadata: KnownMetadata? {
        get { self.state.withLockedValue { $0.metadata } }
        set { self.state.withLockedValue { $0.metadata = newValue } }
    }

    /// Keeps a place among those that are under way until the record is closed.
    func hold(_ permit: ConcurrencyPermit) { self.state.withLockedValue { $0.permits.append(permit) } }

    /// Runs `work`, in a span of its own, and adds the milliseconds that it took to one of the timings.
    func timing<Result, Failure: Error>(
        _ part: LogEntry.Timings.Part,
        _ work: () async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        let start = ContinuousClock.now
        let span = self.trace?.begin(part.rawValue)
        defer {
            span?.end()
            self.add(start.duration(to: .now), to: part)
        }
        return try await work()
    }

    /// The same for work of which only its result tells what it was.
    func timing<Result>(
        by part: (Result) -> LogEntry.Timings.Part,
        _ work: () async throws -> Result
    ) async throws -> Result {
        let start = ContinuousClock.now
        let span = self.trace?.begin("list")
        defer { span?.end() }
        let result = try await work()
        self.add(start.duration(to: .now), to: part(result))
        return result
    }

    private func add(_ spent: Duration, to part: LogEntry.Timings.Part) {
        self.note { $0.timings.add(spent.milliseconds, to: part) }
    }

    /// Where the time went until now, for the head of the answer; what comes after it, its body, is in the log only.
    var serverTiming: String {
        let total = self.startedOn.duration(to: .now).milliseconds
        let timings = self.state.withLockedValue { $0.entry.timings }
        return ServerTiming.text(timings.named + [("total", total)])
    }

    // MARK: Closing

    /// Notes that the body will be streamed, so that the record stays open until ``bodyEnded(_:bytes:isSent:)``.
    func bodyWillStream() { self.state.withLockedValue { $0.isStreaming = true } }

    /// Notes the answer, which is closed when it was sent (``sent(_:)``); where a body is streamed, when that ended too.
    func answered(status: Int, bytes: Int) {
        self.state.withLockedValue { state in
            state.entry.status = status
            state.bodyBeganOn = .now
            guard !state.isStreaming else { return }
            state.ending = (status >= 500 ? .failed : status >= 400 ? .refused : .complete, Int64(bytes))
        }
    }

    /// Notes how a streamed body ended; the record of a whole one is closed when its last byte is out, which may be now.
    func bodyEnded(_ outcome: LogEntry.Outcome, bytes: Int64, isSent: Bool = false) {
        let isSent = self.state.withLockedValue { state in
            state.ending = (outcome, bytes)
            return outcome == .complete && !isSent ? state.isSent : true
        }
        if let isSent { self.sent(isSent) }
    }

    /// Notes that the connection took all of the answer, or will not any more.
    func sent(_ isWhole: Bool) {
        let ending = self.state.withLockedValue { state in
            state.isSent = isWhole
            state.entry.timings.body = state.bodyBeganOn?.duration(to: .now).milliseconds
            // What of an unsent answer went out is known of streamed bodies only.
            return state.ending.map { isWhole ? $0 : (.clientGone, state.isStreaming ? $0.bytes : 0) }
        }
        if let ending { self.close(ending.0, bytesOut: ending.1) }
    }

    private func close(_ outcome: LogEntry.Outcome, bytesOut: Int64) {
        let (entry, write, permits) = self.state.withLockedValue { state in
            defer {
                state.write = nil
                state.permits = []
            }
            state.entry.outcome = outcome
            state.entry.bytesOut = bytesOut
            state.entry.durationMs = self.startedOn.duration(to: .now).milliseconds
            return (state.entry, state.write, state.permits)
        }
        for permit in permits { permit.release() }
        guard let write else { return }
        self.trace?.end(entry)
        write(entry)
    }
}

extension Duration {
    /// As milliseconds with a fraction.
    var milliseconds: Double {
        Double(self.components.seconds) * 1000 + Double(self.components.attoseconds) / 1e15
    }
}
