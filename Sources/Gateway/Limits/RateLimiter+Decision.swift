// SPDX-License-Identifier: Apache-2.0

extension RateLimiter {
    /// Whether a request is let in, and what is left then.
    struct Decision: Sendable {
        /// Which limit was met.
        enum Refusal: Hashable, Sendable {
            /// Requests per time.
            case requests
            /// Requests at the same time.
            case concurrent
            /// The limiter remembers as many busy callers as it can.
            case crowded
        }

        /// Why not; `nil` where it is let in.
        let refusal: Refusal?
        /// Requests per window; `nil` where they are not limited.
        let limit: Int?
        /// Requests that would be let in now.
        let remaining: Int
        /// Seconds until the caller has its whole burst again, rounded up.
        let resetSeconds: Int
        /// Seconds until it is worth asking again: 0 where the request is let in, else at least 1.
        let retryAfterSeconds: Int
        /// The window of ``limit``; 0 where there is none.
        let windowSeconds: Int
        /// For the token that was taken; `nil` where none was.
        let receipt: TokenBucket.Receipt?
        /// To be kept until the answer's last byte, then released; `nil` where nothing limits concurrency.
        private(set) var permit: ConcurrencyPermit?

        /// Whether the request is let in.
        var isAllowed: Bool { self.refusal == nil }

        init(_ refusal: Refusal?, _ bucket: TokenBucket?) {
            self.refusal = refusal
            self.receipt = refusal == nil ? bucket?.receipt : nil
            self.limit = bucket?.rate.count
            self.remaining = bucket?.remaining ?? 0
            self.resetSeconds = bucket?.secondsUntilFull ?? 0
            self.windowSeconds = bucket?.rate.window.seconds ?? 0
            switch refusal {
            case nil: self.retryAfterSeconds = 0
            case .requests: self.retryAfterSeconds = max(1, bucket?.secondsUntilNext ?? 1)
            case .concurrent, .crowded: self.retryAfterSeconds = 1
            }
        }

        static var crowded: Decision { Decision(.crowded, nil) }

        func holding(_ permit: ConcurrencyPermit) -> Decision {
            var decision = self
            decision.permit = permit
            return decision
        }

        /// The value of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers, 4): `"requests";q=600;w=60`.
        var policyField: String? { self.limit.map { "\"requests\";q=\($0);w=\(self.windowSeconds)" } }

        /// The value of `RateLimit` (the same draft, 5): `"requests";r=599;t=1`.
        var limitField: String? {
            self.limit.map { _ in "\"requests\";r=\(self.remaining);t=\(self.resetSeconds)" }
        }
    }

    /// What is left of the day's bytes.
    struct BytesLeft: Hashable, Sendable {
        let limit: Int64
        let left: Int64
        /// Seconds until the next UTC day, at least 1.
        let resetSeconds: Int

        /// The value of `RateLimit-Policy` for it; the unit is said, for without it a client would read requests.
        var policyField: String { "\"bytes\";q=\(Self.written(self.limit));w=86400;qu=\"content-bytes\"" }

        /// The value of `RateLimit` for it.
        var limitField: String { "\"bytes\";r=\(Self.written(self.left));t=\(self.resetSeconds)" }

        /// An integer of structured fields has at most 15 digits (RFC 9651, 3.3.1).
        private static func written(_ bytes: Int64) -> Int64 { min(bytes, 999_999_999_999_999) }
    }
}
