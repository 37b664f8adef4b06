// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// Decodes the target once for all that follows, and refuses fields that proxies and applications read differently.
struct TargetMiddleware: RouterMiddleware {
    @concurrent
    func handle(
        _ request: Request,
        context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        context.target = try RequestTarget(request.uri.string)
        // `X_API_Key` would become `X-API-Key` behind some proxies (oauth2-proxy CVE-2025-64484).
        if let field = request.headers.first(where: { $0.name.rawName.contains("_") }) {
            throw Problem.field(String(field.name.rawName.prefix(100)), "a field name must not hold an underscore")
        }
        return try await next(request, context)
    }
}
