// SPDX-License-Identifier: Apache-2.0

import Downloads
import Simulators

extension SimulatedVendors {
    /// Lets the next `times` answers of a vendor that carry a file's bytes end in `fault`.
    func breakBytes(of name: String, _ fault: SimulatorFault, times: Int = 100_000) throws {
        let isBytes: SimulatorFaults.Filter = { request in
            switch name {
            case "browserbase": request.header("Accept") == "application/octet-stream"
            case "anchor": request.path.hasPrefix("/fetch/")
            case "notte-files": request.path.split(separator: "/").count == 4
            case "hoody": !request.path.hasPrefix("/api/") && request.query.isEmpty
            default: true
            }
        }
        let vendor = try self.simulator(name)
        let isPresigned = ["notte", "vagon"].contains(name)
        guard let server = isPresigned ? vendor.storage : vendor.server else { throw NeverHappened(what: "a storage") }
        server.faults.add(fault, times: times, where: isBytes)
    }

    /// Lets everything go right again.
    func clearFaults() {
        for (_, vendor) in self.all { for server in vendor.listeners { server.faults.clear() } }
    }
}
