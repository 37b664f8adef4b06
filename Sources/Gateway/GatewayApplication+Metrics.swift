// SPDX-License-Identifier: Apache-2.0

import Downloads
import Hummingbird

extension GatewayApplication {
    /// What is needed of the routes in front of the routes themselves, which are laid out twice for it.
    struct RoutePlan {
        let table: RouteTable
        let metrics: GatewayMetrics
    }

    func plan() throws -> RoutePlan {
        let plan = Router(context: GatewayContext.self)
        try self.addRoutes(to: plan, self.metrics(of: []))
        return RoutePlan(table: RouteTable(plan), metrics: self.metrics(of: RequestMetrics.Route.all(of: plan)))
    }

    /// What `/metrics` shows, counted from now on for these routes.
    private func metrics(of routes: [RequestMetrics.Route]) -> GatewayMetrics {
        GatewayMetrics(
            requests: RequestMetrics(routes: routes),
            refusals: Tally(),
            library: self.library,
            limiter: self.limits.limiter,
            log: self.log,
            jobs: self.jobs,
            door: self.counts,
            transfers: self.surroundings.transfers
        )
    }
}

extension RequestMetrics.Route {
    /// All of a router.
    static func all(of router: Router<GatewayContext>) -> [RequestMetrics.Route] {
        router.routes.map { RequestMetrics.Route(path: "\($0.path)", method: $0.method.rawValue) }
    }
}
