// SPDX-License-Identifier: Apache-2.0

import Downloads
import HTTPTypes

/// Where the limits of every caller come from.
struct LimitSource: Sendable {
    let limiter: RateLimiter
    /// For callers without limits of their own.
    let defaultPolicy: Live<RateLimitPolicy>
    let now: @Sendable () -> LimitMoment
    let sleep: @Sendable (Duration) async throws -> Void

    func limits(of caller: Caller) -> CallerLimits {
        CallerLimits(
            id: caller.id,
            policy: caller.limits ?? self.defaultPolicy.current,
            limiter: self.limiter,
            now: self.now,
            sleep: self.sleep
        )
    }
}

/// The limits of one request's caller, for the middleware that admits it and the route that sends it a file.
struct CallerLimits: Sendable {
    /// ``Caller/id``: the whole identity, so that no two callers share an account.
    let id: String
    let policy: RateLimitPolicy
    let limiter: RateLimiter
    let now: @Sendable () -> LimitMoment
    let sleep: @Sendable (Duration) async throws -> Void

    // MARK: Requests

    /// Lets the request in, or not.
    func admit() -> RateLimiter.Decision { self.limiter.admit(self.id, self.policy, now: self.now()) }

    /// Gives back what the request took, for it was refused after all; what is left then.
    func giveBack(_ decision: RateLimiter.Decision) -> RateLimiter.Decision {
        self.limiter.giveBack(decision, self.id, now: self.now())
    }

    /// What is left of the day's bytes; `nil` where they are not limited.
    var bytesLeft: RateLimiter.BytesLeft? { self.limiter.bytesLeft(self.id, self.policy, now: self.now()) }

    // MARK: Bytes

    /// Opens a file's bytes under the caller's limits.
    ///
    /// What does not fit into the day is refused before `open` is called where `length` is known, else when the upstream's
    /// head has told it; letting go of the body then ends the transfer. There is no allowance where no bytes are limited.
    func open(
        expecting length: Int64?,
        _ open: () async throws(ProviderError) -> OpenedContent
    ) async throws -> (opened: OpenedContent, allowance: ByteAllowance?) {
        guard self.policy.bytesPerDay != nil || self.policy.bytesPerSecond != nil else {
            return (try await open(), nil)
        }
        var allowance = try self.allowance(for: length)
        var opened = try await open()
        if opened.length != length {
            allowance.end(sent: 0)
            allowance = try self.allowance(for: opened.length)
        }
        opened.body = opened.body.metered(by: allowance)
        return (opened, allowance)
    }

    /// Opens bytes that are made here, of `length` where that is known, under the same limits.
    func open(
        length: Int64?,
        _ open: () async throws(Problem) -> ContentBody
    ) async throws(Problem) -> (body: ContentBody, allowance: ByteAllowance?) {
        guard self.policy.bytesPerDay != nil || self.policy.bytesPerSecond != nil else {
            return (try await open(), nil)
        }
        let allowance = try self.allowance(for: length)
        return (try await open().metered(by: allowance), allowance)
    }

    func turn(of body: UInt64, wanting count: Int) -> BytePacer.Turn {
        self.limiter.turn(self.id, of: body, wanting: count, now: self.now())
    }

    func end(_ body: UInt64, sent: Int64?) { self.limiter.end(self.id, body, sent: sent) }

    private func allowance(for length: Int64?) throws(Problem) -> ByteAllowance {
        let now = self.now()
        if let body = self.limiter.begin(self.id, length: length, self.policy, now: now) {
            return ByteAllowance(self, body: body)
        }
        let left = self.limiter.bytesLeft(self.id, self.policy, now: now)
        let wanted = length.map { "The file's \($0) bytes do not fit into" } ?? "Nothing is left of"
        throw Problem(
            .quotaExceeded,
            "\(wanted) the limit of \(left?.limit ?? 0) bytes in a UTC day, of which \(left?.left ?? 0) are left.",
            headers: [.retryAfter: String(left?.resetSeconds ?? 1)]
        )
    }
}
