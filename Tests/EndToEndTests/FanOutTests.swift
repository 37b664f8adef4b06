// SPDX-License-Identifier: Apache-2.0

import Downloads
import Simulators
import Testing

extension EndToEnd {
    @Suite struct FanOutTests {
        @Test func allProvidersAreAskedAtOnce() async throws {
            try await EndToEndFixture.run { gateway in
                let vendors = try gateway.vendors.all
                for (_, simulator) in vendors { simulator.faults.add(.stallBeforeHead, times: 1000) }
                let admin = gateway.admin
                let asking = Task { try await admin.get("/v1/downloads") }
                // None is answered before all are asked: one after the other would never come to this.
                try await eventually("a first request at every vendor") {
                    vendors.allSatisfy { !$0.simulator.requests.isEmpty }
                }
                for (name, simulator) in vendors {
                    let waiting = simulator.requests.filter { $0.end == nil && $0.pushedBytes == 0 }
                    #expect(waiting.count == simulator.requests.count, "\(name) was answered")
                }
                for (_, simulator) in vendors { await simulator.stop() }
                #expect(try await asking.value.status == 502)
            }
        }

        @Test func slowProviderDoesNotHoldUpTheOthers() async throws {
            try await EndToEndFixture.run(GatewaySettings(fanOut: "{ deadline: 3s }")) { gateway in
                let slow = try gateway.vendors.hoody
                slow.faults.add(.stallBeforeHead, times: 1000)
                let list = try await gateway.admin.get("/v1/downloads")
                #expect(list.status == 200 && list.json["complete"] == false)
                for source in list.json["sources"].list {
                    let isSlow = source["provider"] == "hoody"
                    #expect(source["state"] == (isSlow ? "failed" : "fresh"), "\(source)")
                    if isSlow { #expect(source["error"]["code"] == "UPSTREAM_TIMEOUT") }
                }
                // The list did not wait for it: it still has not answered.
                #expect(slow.requests.contains { $0.end == nil })
                await slow.stop()
            }
        }

        @Test func identicalQuestionsInFlightAreAskedOnce() async throws {
            try await EndToEndFixture.run { gateway in
                let vendor = try gateway.vendors.anchor
                let session = try #require(vendor.library.sessions.first?.id)
                let path = "/v1/sessions/\(session)/downloads"
                vendor.faults.add(.delayHead(.seconds(2)), where: { $0.path == path })
                let admin = gateway.admin
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            try await admin.get("/v1/downloads?provider=anchor&sessionId=\(session)").status
                        }
                    }
                    for try await status in group { #expect(status == 200) }
                }
                #expect(vendor.requests.count { $0.path == path } == 1)
            }
        }
    }
}
