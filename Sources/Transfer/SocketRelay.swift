// SPDX-License-Identifier: Apache-2.0

import CSocket
import Foundation

/// Has the system move what is left of a body from its upstream's socket into a reader's, through a pipe: the bytes never come
/// into this process.
///
/// It begins where libcurl is paused and holds none of them, so that what the socket gives next is the body's next byte; libcurl
/// gets no more of it, and closes its connection, which ``ConnectionSockets`` may keep. It is not `Sendable`: it lives on its
/// driver's thread.
final class SocketRelay {
    /// One call of the reader's.
    private struct Call {
        let socket: CInt
        let limit: Int
        let began: ContinuousClock.Instant
        let onReturn: CheckedContinuation<Int?, Never>
        var moved = 0
    }

    /// What became of it.
    enum Progress {
        /// It can go on at once.
        case moved
        /// It can go on when one of its sockets is ready.
        case waits
        /// The body has ended: `nil` where it is complete.
        case over(TransferError?)
        /// The system moves nothing from this socket, or lets nobody ask for it; nothing was taken.
        case refused
    }

    let upstream: CInt
    let pipe: RelayPipe
    /// Bytes of the body that the upstream still owes.
    private var owed: Int
    /// Bytes that it has given, and the reader's socket has not taken.
    private var inPipe = 0
    private var call: Call?
    /// Since when the upstream gives nothing; `nil` where it is not the one that is waited for.
    private var dryFrom: ContinuousClock.Instant?
    /// When the last call ended.
    private var pausedFrom: ContinuousClock.Instant?
    /// Bytes that the upstream has given.
    private(set) var received = 0

    /// Moves between two looks at the other transfers.
    private static let mostMoves = 16
    /// A call returns after that time, so that its reader can tell a slow body from one that stands still.
    private static let longestCall = Duration.seconds(1)

    init(from upstream: CInt, through pipe: RelayPipe, owed: Int) {
        (self.upstream, self.pipe, self.owed) = (upstream, pipe, owed)
        // A socket that its peer has closed is an error here, not the end of the process.
        _ = Self.ignoresBrokenPipes
    }

    private static let ignoresBrokenPipes: Bool = {
        _ = signal(SIGPIPE, SIG_IGN)
        return true
    }()

    /// Takes a call: bytes are moved into `socket` until there are `limit`, and `onReturn` is told how many there were.
    func begin(
        _ socket: CInt,
        _ limit: Int,
        _ now: ContinuousClock.Instant,
        _ onReturn: CheckedContinuation<Int?, Never>
    ) {
        self.answer(now)
        // While nobody asked, the upstream was late for nobody.
        if let dryFrom, let pausedFrom { self.dryFrom = dryFrom + pausedFrom.duration(to: now) }
        self.call = Call(socket: socket, limit: min(limit, self.owed + self.inPipe), began: now, onReturn: onReturn)
    }

    /// Moves what can be moved now.
    func move(_ now: ContinuousClock.Instant) -> Progress {
        for _ in 0..<Self.mostMoves {
            guard let call else { return .waits }
            switch self.inPipe > 0 ? self.drain(call) : self.fill(call, now) {
            case .moved:
                if self.call.map({ $0.moved >= $0.limit }) == true { self.answer(now) }
            case .waits:
                if let due, now >= due { self.answer(now) }
                return .waits
            case .over(let error): return .over(error)
            case .refused: return .refused
            }
        }
        return .moved
    }

    private func fill(_ call: Call, _ now: ContinuousClock.Instant) -> Progress {
        let count = csocket_move(self.upstream, self.pipe.entry, min(call.limit - call.moved, self.owed))
        guard count > 0 else {
            guard count < 0, Self.isTransient(errno) else {
                if count < 0, self.received == 0, [EINVAL, ENOSYS, EPERM].contains(errno) { return .refused }
                return .over(TransferError(.incomplete, detail: "closed with \(self.owed) bytes of the body to come"))
            }
            self.dryFrom = self.dryFrom ?? now
            return .waits
        }
        self.dryFrom = nil
        self.owed -= count
        self.inPipe = count
        self.received += count
        return .moved
    }

    private func drain(_ call: Call) -> Progress {
        let count = csocket_move(self.pipe.exit, call.socket, min(self.inPipe, call.limit - call.moved))
        guard count > 0 else {
            return count < 0 && Self.isTransient(errno) ? .waits : .over(TransferError(.cancelled))
        }
        self.inPipe -= count
        self.call?.moved += count
        return self.owed == 0 && self.inPipe == 0 ? .over(nil) : .moved
    }

    /// A call that a signal interrupted finds its socket ready at the next turn.
    private static func isTransient(_ code: CInt) -> Bool { code == EAGAIN || code == EINTR }

    /// What is waited for: a socket, and whether for its bytes; `nil` between two calls.
    var awaited: (socket: CInt, isForBytes: Bool)? {
        self.call.map { self.inPipe == 0 ? (self.upstream, true) : ($0.socket, false) }
    }

    /// Since when a reader waits for the upstream; `nil` where none does.
    var lateFrom: ContinuousClock.Instant? { self.call == nil ? nil : self.dryFrom }

    /// When a call that waits is to return; `nil` where it has nothing to say.
    var due: ContinuousClock.Instant? {
        self.call.flatMap { $0.moved > 0 || self.dryFrom != nil ? $0.began + Self.longestCall : nil }
    }

    /// Whether the upstream has given all that it owed.
    var isComplete: Bool { self.owed == 0 }

    /// Whether its pipe is empty.
    var isEmpty: Bool { self.inPipe == 0 }

    /// Returns from a call that is under way, as one that cannot be met.
    func refuse() {
        self.call?.onReturn.resume(returning: nil)
        self.call = nil
    }

    /// Returns from a call that is under way.
    func answer(_ now: ContinuousClock.Instant) {
        guard let call else { return }
        (self.call, self.pausedFrom) = (nil, now)
        call.onReturn.resume(returning: call.moved)
    }
}

/// A pipe of the kernel's, which bytes go through on their way from socket to socket.
final class RelayPipe {
    let exit: CInt
    let entry: CInt

    /// Bytes that it is asked to hold: the more, the fewer moves; a user who is not root may have 64 MB of them.
    private static let size: CInt = 512 * 1024

    /// `nil` where the system gives none.
    init?() {
        var ends: [CInt] = [-1, -1]
        guard unsafe csocket_open_pipe(&ends, Self.size) == 0 else { return nil }
        (self.exit, self.entry) = (ends[0], ends[1])
    }

    deinit {
        close(self.exit)
        close(self.entry)
    }
}

/// The pipes of one driver: some of them, and used again.
final class RelayPipes {
    private var idle: [RelayPipe] = []
    private var lent = 0

    /// Readers beyond that get their bytes in pieces, as all do whose bodies have to be looked at.
    private static let most = 32

    /// Whether another may be taken.
    var isLeft: Bool { self.lent < Self.most }

    /// An empty pipe; `nil` where there are enough, or the system gives none.
    func take() -> RelayPipe? {
        guard self.isLeft, let pipe = self.idle.popLast() ?? RelayPipe() else { return nil }
        self.lent += 1
        return pipe
    }

    /// Takes back what ``take()`` gave.
    func giveBack(_ pipe: RelayPipe, isEmpty: Bool) {
        self.lent -= 1
        if isEmpty { self.idle.append(pipe) }
    }
}
