// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// Decodes the target once for all that follows, and refuses fields that proxies and applications read differently.
struct TargetMiddleware: RouterMiddleware {
    let counts: FrontDoorCounts
    let server: Live<Configuration.Server>

    @concurrent
    func handle(
        _ request: Request,
        context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        // HTTP/2 bounds the bytes of a head, and not its fields.
        guard request.headers.count <= self.server.current.maxHeaders else {
            self.counts.refused(.largeHead)
            throw Problem(.invalidRequest, "The request has too many fields.")
        }
        let longest = self.server.current.maxTargetBytes
        guard request.uri.string.utf8.count <= longest else {
            self.counts.refused(.longTarget)
            throw Problem(.invalidRequest, "The request target is longer than \(longest) bytes.")
        }
        var context = context
        context.target = try RequestTarget(request.uri.string)
        // `X_API_Key` would become `X-API-Key` behind some proxies (oauth2-proxy CVE-2025-64484).
        if let field = request.headers.first(where: { $0.name.rawName.contains("_") }) {
            throw Problem.field(String(field.name.rawName.prefix(100)), "a field name must not hold an underscore")
        }
        return try await next(request, context)
    }
}
