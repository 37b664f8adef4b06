// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// `/metrics`: what was counted since the start, for a collector.
struct MetricsRoutes: Sendable {
    static let path = "/metrics"

    let metrics: GatewayMetrics
    /// Whether anybody may read it; else it takes the scope.
    let isOpen: Bool

    func add(to router: Router<GatewayContext>) { router.get("/metrics", use: self.get) }

    @Sendable
    private func get(_ request: Request, _ context: GatewayContext) async throws -> Response {
        if !self.isOpen { _ = try context.requireCaller(.metrics) }
        var query = context.query
        try query.finish()
        let forms = MetricsText.Form.allCases
        let best = ContentNegotiation(accept: request.headers.joined(.accept)).best(of: forms.map(\.mediaType))
        guard let form = forms.first(where: { $0.mediaType == best }) else {
            throw Problem.notAcceptable(forms.map(\.mediaType))
        }
        return Response(
            status: .ok,
            headers: [.contentType: form.contentType, .cacheControl: "no-store", .vary: "Accept"],
            body: ResponseBody(byteBuffer: .init(string: await self.metrics.text(form)))
        )
    }
}
