// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// `/v1/usage`: who used what.
///
/// A caller without `admin` sees its own requests.
struct UsageRoutes: Sendable {
    let log: LogWriter
    let usage: UsageStore

    private static let forms = [MediaType.json, MediaType.lines, MediaType.csv]

    func add(to router: Router<GatewayContext>) {
        router.get("/v1/usage", use: self.list)
    }

    @Sendable
    func list(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let caller = try context.requireCaller(.logs)
        guard let form = ContentNegotiation(accept: request.headers.joined(.accept)).best(of: Self.forms) else {
            throw Problem.notAcceptable(Self.forms)
        }
        let query = try Self.query(context)
        // What has just happened counts: the entries that wait are written first.
        await self.log.flush()
        guard let rows = try await self.usage.rows(query, keyId: caller.may(.admin) ? nil : caller.id) else {
            throw Problem.field(
                "groupBy",
                "gives more than \(UsageStore.mostRows) rows: group by less, or narrow since and until"
            )
        }
        return Self.answer(rows.map { UsageRepresentation(row: $0, groupBy: query.groupBy) }, query, as: form)
    }

    private static func query(_ context: GatewayContext) throws(Problem) -> UsageQuery {
        var reader = QueryReader(context.target?.parameters ?? [])
        var query = UsageQuery(since: reader.time("since"), until: reader.time("until"))
        for name in reader.list("groupBy") ?? [] {
            if let field = UsageQuery.Field(rawValue: name) {
                query.groupBy.insert(field)
            } else {
                reader.refuse("groupBy", "must be a list of key, provider, day and hour")
            }
        }
        try reader.finish()
        return query
    }

    private static func answer(_ rows: [UsageRepresentation], _ query: UsageQuery, as form: String) -> Response {
        var headers: HTTPFields = [.contentType: form, .vary: "Accept", .cacheControl: "no-store"]
        var body = ByteBuffer()
        switch form {
        case MediaType.lines:
            for row in rows {
                var line = JSONText.encode(row)
                body.writeBuffer(&line)
                body.writeInteger(UInt8(ascii: "\n"))
            }
        case MediaType.csv:
            headers[.contentType] = MediaType.csv + "; charset=utf-8; header=present"
            body.writeString(CSV.line(UsageRepresentation.columns(query.groupBy)))
            for row in rows { body.writeString(CSV.line(row.cells)) }
        default:
            body = JSONText.encode(["usage": rows])
        }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: body))
    }
}
