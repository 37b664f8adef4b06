// SPDX-License-Identifier: Apache-2.0

import Foundation
import Hummingbird
import HummingbirdCore
import NIOCore

extension GatewayApplication {
    /// The front door over the router.
    func frontDoor(
        takeOver: Bool = false,
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) throws -> FrontDoor {
        let server = self.server
        let plan = try self.plan()
        let date = DateField(now: self.surroundings.now)
        let responder = RequestResponder(try self.router(plan).buildResponder(), date: date, logger: self.logger)
        let channel = FrontDoorChannel(
            requests: HTTP1Channel(responder: { try await responder.respond(to: $0, $1, on: $2) }),
            server: server,
            proxies: self.proxies,
            tls: self.tls,
            connections: self.connections,
            counts: self.counts,
            prepared: self.preparedAnswers(plan.metrics.requests, date),
            handlers: self.handlers(),
            logger: self.logger
        )
        return FrontDoor(
            channel: channel,
            server: server,
            connections: self.connections,
            handOver: self.handOver,
            takesOver: takeOver,
            onListening: onListening,
            logger: self.logger
        )
    }

    /// Where callers' limits come from.
    var limitSource: LimitSource {
        LimitSource(
            limiter: self.limits.limiter,
            defaultPolicy: self.defaultLimits,
            now: self.limits.now,
            sleep: self.surroundings.sleep
        )
    }

    /// `nil` where each request has a span to be told of.
    func preparedAnswers(_ metrics: RequestMetrics, _ date: DateField) -> PreparedAnswers? {
        guard self.surroundings.tracer == nil else { return nil }
        return PreparedAnswers(
            library: self.library,
            keys: self.keys,
            limits: self.limitSource,
            door: PreparedAnswers.Door(
                server: self.server,
                proxies: self.proxies,
                connections: self.connections,
                counts: self.counts,
                requestIDs: self.requestIDs,
                date: date
            ),
            log: RequestLog(log: self.log, metrics: metrics)
        )
    }

    /// What stands between the codec and the requests of a connection.
    private func handlers() -> @Sendable (FrontDoorChannel.Version) -> [any RemovableChannelHandler] {
        let (log, now, counts, sentAnswers) = (self.log, self.surroundings.now, self.counts, self.sentAnswers)
        let (connections, requestIDs) = (self.connections, self.requestIDs)
        return { version in
            let closing: [any RemovableChannelHandler] = version == .http1 ? [ClosingHandler()] : []
            return [ClientPresenceHandler(), HeadHolder()] + closing + [
                SentAnswerHandler(sentAnswers),
                FrontDoorHandler(version, makeRequestID: requestIDs.make, isStopping: { connections.isDraining }) {
                    refusal in
                    counts.refused(refusal.reason)
                    log.record(.malformed(refusal, at: now()))
                },
            ]
        }
    }
}

extension LogEntry {
    /// The entry of what was no HTTP request at all.
    fileprivate static func malformed(_ refusal: FrontDoorHandler.Refusal, at time: Date) -> LogEntry {
        var entry = LogEntry(
            time: time,
            requestId: refusal.requestID,
            method: "",
            target: "",
            status: refusal.code.status.code,
            outcome: .refused
        )
        entry.code = refusal.code.rawValue
        entry.bytesOut = Int64(refusal.bytes)
        entry.address = refusal.address
        return entry
    }
}
