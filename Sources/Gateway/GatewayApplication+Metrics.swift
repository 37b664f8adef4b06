// SPDX-License-Identifier: Apache-2.0

import Downloads
import Hummingbird

extension GatewayApplication {
    /// What `/metrics` shows, counted from now on for these routes.
    func metrics(of routes: [RequestMetrics.Route]) -> GatewayMetrics {
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
