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
        let requestIDs = RequestIDs()
        let responder = RequestResponder(
            try self.router(requestIDs).buildResponder(),
            now: self.surroundings.now,
            logger: self.logger
        )
        let channel = FrontDoorChannel(
            requests: HTTP1Channel(responder: { try await responder.respond(to: $0, $1, on: $2) }),
            server: server,
            proxies: self.proxies,
            tls: self.tls,
            connections: self.connections,
            counts: self.counts,
            handlers: self.handlers(requestIDs),
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

    /// What stands between the codec and the requests of a connection.
    private func handlers(
        _ requestIDs: RequestIDs
    ) -> @Sendable (FrontDoorChannel.Version) -> [any RemovableChannelHandler] {
        let (log, now, counts, sentAnswers) = (self.log, self.surroundings.now, self.counts, self.sentAnswers)
        let connections = self.connections
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
            status: 400,
            outcome: .refused
        )
        entry.code = Problem.Code.invalidRequest.rawValue
        entry.bytesOut = Int64(refusal.bytes)
        entry.address = refusal.address
        return entry
    }
}
