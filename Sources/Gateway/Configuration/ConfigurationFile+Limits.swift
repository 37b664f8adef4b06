// SPDX-License-Identifier: Apache-2.0

import Downloads

extension ConfigurationFile {
    /// The limits of callers that have none of their own.
    ///
    /// What is left out keeps its default; only `null` means no limit. A rate of one's own has its own burst.
    func limits(_ node: ConfigurationNode) -> RateLimitPolicy {
        let standard = node.section("default")
        let members = standard.rest.compactMap { key in standard.json(key).map { (key, $0) } }
        node.finish()
        let given = Set(standard.keys)
        var object = Dictionary(members, uniquingKeysWith: { first, _ in first })
        let defaults = RateLimitPolicy.standard
        if !given.contains("requests") {
            object["requests"] = defaults.requests.map { .string($0.description) }
            if !given.contains("burst") { object["burst"] = defaults.burst.map { .integer(Int64($0)) } }
        }
        if !given.contains("concurrent") { object["concurrent"] = defaults.concurrent.map { .integer(Int64($0)) } }
        let (policy, problems) = RateLimitPolicy.parse(object, at: "")
        for problem in problems { standard.refuse(problem.field, problem.message) }
        return policy
    }
}
