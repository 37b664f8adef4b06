// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// The paths that there are, and their methods: tells a wrong method from a wrong path.
struct RouteTable: Sendable {
    private let methods: [[Substring]: [String]]

    init(_ router: Router<GatewayContext>) {
        let routes = router.routes.map { (path: "\($0.path)".split(separator: "/"), method: $0.method.rawValue) }
        self.methods = Dictionary(grouping: routes, by: \.path).mapValues { $0.map(\.method) }
    }

    /// Why no route answered: `METHOD_NOT_ALLOWED` with `Allow` where the path has other methods, else `NOT_FOUND`.
    func refusal(of method: HTTPRequest.Method, path: String) -> Problem {
        let segments = path.split(separator: "/")
        let matches = self.methods.filter { pattern, _ in
            pattern.count == segments.count && zip(pattern, segments).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
        }
        let allowed = Set(matches.values.joined()).sorted()
        guard !allowed.isEmpty, !allowed.contains(method.rawValue) else { return .notFound }
        return Problem(
            .methodNotAllowed,
            "This resource does not have the method '\(method.rawValue.prefix(32))'.",
            headers: [.allow: allowed.joined(separator: ", ")]
        )
    }
}

/// Answers what no route does: the last link of the chain, so that it is authenticated, limited and logged as all else.
struct RouteTableMiddleware: RouterMiddleware {
    let table: RouteTable

    @concurrent
    func handle(
        _ request: Request,
        context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound {
            throw self.table.refusal(of: request.method, path: context.target?.path ?? "")
        }
    }
}
