// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// Lets the pages of configured origins read answers, problems among them, and answers their browsers' questions beforehand.
///
/// It lets nobody in: a page needs a key as everybody does, and sends it itself, for cookies are no way in.
struct CORSMiddleware: RouterMiddleware {
    let server: Live<Configuration.Server>

    private static let methods = "GET, HEAD, POST, PATCH, DELETE"
    private static let exposed = [
        "Content-Disposition", "Content-Range", "ETag", "Idempotency-Replayed", "Link", "Location", "RateLimit",
        "RateLimit-Policy", "Repr-Digest", "Retry-After", "Server-Timing", "X-Request-Id",
    ].joined(separator: ", ")

    @concurrent
    func handle(
        _ request: Request,
        context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        let origins = self.server.current.corsOrigins
        guard !origins.isEmpty else { return try await next(request, context) }
        let origin = request.headers[.origin].flatMap { origins.contains($0) || origins.contains("*") ? $0 : nil }
        guard let origin else { return Self.varied(try await next(request, context)) }
        if request.method == .options, let method = request.headers[.accessControlRequestMethod], !method.isEmpty {
            return Self.preflight(request, origin)
        }
        var response = Self.varied(try await next(request, context))
        response.headers[.accessControlAllowOrigin] = origin
        response.headers[.accessControlExposeHeaders] = Self.exposed
        return response
    }

    private static func preflight(_ request: Request, _ origin: String) -> Response {
        var headers: HTTPFields = [
            .accessControlAllowOrigin: origin,
            .accessControlAllowMethods: Self.methods,
            .accessControlMaxAge: "600",
            .vary: "Origin, Access-Control-Request-Headers",
        ]
        // What the page asks to send is checked where it is used.
        if let names = request.headers[.accessControlRequestHeaders], names.utf8.count <= 1024 {
            headers[.accessControlAllowHeaders] = names
        }
        return Response(status: .noContent, headers: headers)
    }

    private static func varied(_ response: Response) -> Response {
        var response = response
        response.headers.append(HTTPField(name: .vary, value: "Origin"))
        return response
    }
}
