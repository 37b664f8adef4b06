// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

extension DownloadRoutes {
    /// The states of a download, from the present one to the last.
    func events(of listed: ListedDownload, for caller: Caller, _ context: GatewayContext) -> Response {
        let tail = DownloadTail(listed.id, for: caller, by: self.watch)
        let reference = listed.download.reference
        return self.stream(
            { try await tail.next().map { [self.event($0.kind.rawValue, $0.listed, $0.number)] } },
            for: caller,
            needs: { $0.may(.read) && $0.maySee(reference) },
            context
        )
    }

    /// What changes in a list.
    func events(
        of question: ListRequest,
        for caller: Caller,
        _ request: Request,
        _ context: GatewayContext
    ) throws(Problem) -> Response {
        let tail = ListTail(question, after: try Self.lastEvent(request), for: caller, by: self.watch)
        return self.stream(
            { try await tail.next().map { self.event($0.isDeletion ? "deleted" : "download", $0.listed, $0.number) } },
            for: caller,
            // Each look is for the key as it was at the beginning, so that another one cuts.
            needs: { $0.may(.read) && $0.providers == caller.providers && $0.sessions == caller.sessions },
            context
        )
    }

    private func event(_ name: String, _ listed: ListedDownload, _ number: Int64) -> ServerSentEvent {
        ServerSentEvent(name: name, id: String(number), data: String(buffer: self.texts.json(of: listed)))
    }

    private func stream(
        _ next: @escaping @Sendable () async throws -> [ServerSentEvent]?,
        for caller: Caller,
        needs: @escaping @Sendable (Caller) -> Bool,
        _ context: GatewayContext
    ) -> Response {
        let (record, keys) = (context.record, self.keys)
        let stream = EventStream(
            next: next,
            lifetime: caller.expiresAt.map { .seconds(min(max($0.timeIntervalSince(self.now()), 0), 1e8)) },
            channel: context.channel,
            stallTimeout: self.stallTimeout,
            register: { keys.register(caller, needs: needs, cut: $0) },
            sleep: self.watch.sleep,
            onEnd: { outcome, bytes in record.bodyEnded(outcome, bytes: bytes) }
        )
        record.bodyWillStream()
        let headers: HTTPFields = [.contentType: MediaType.events, .vary: "Accept", .cacheControl: "no-store"]
        return Response(status: .ok, headers: headers, body: stream.responseBody())
    }

    /// The number of the change that a listener saw last, where it comes back.
    private static func lastEvent(_ request: Request) throws(Problem) -> Int64? {
        let ids = request.headers[values: .lastEventID]
        guard let id = ids.first else { return nil }
        guard ids.count == 1, let number = Int64(id), number >= 0 else {
            throw .field("Last-Event-ID", "must be the id of an event of this list")
        }
        return number
    }
}
