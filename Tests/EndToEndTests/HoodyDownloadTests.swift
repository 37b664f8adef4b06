// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Simulators
import Testing

extension EndToEnd {
    /// URLs that a Hoody server fetches, followed through the whole gateway, in both generations of its API.
    @Suite struct HoodyDownloadTests {
        private static let url = "https://93.184.215.14/a.bin"
        private static let more = #","provider":"hoody","directory":"in","filename":"a.bin""#

        private static func run(
            isNewer: Bool,
            _ body: (EndToEndFixture, HoodySimulator) async throws -> Void
        ) async throws {
            let library = SimulatedLibrary(seed: 14)
            library.addSession("in")
            let vendor = try await HoodySimulator.start(
                library: library,
                options: .init(generation: isNewer ? .newer : .seed)
            )
            let provider =
                "  - { name: hoody, kind: hoody, baseURL: \"\(vendor.baseURL)\", credentials: [{ token: \"\(HoodySimulator.token)\" }] }"
            do {
                try await EndToEndFixture.run(GatewaySettings(providers: provider)) { try await body($0, vendor) }
                await vendor.stop()
            } catch {
                await vendor.stop()
                throw error
            }
        }

        /// Asks for the file, and waits until the server fetches it.
        private static func begin(_ gateway: EndToEndFixture, _ vendor: HoodySimulator) async throws -> String {
            let made = try await gateway.admin.create(Self.url, more: Self.more)
            #expect(made.status == 202 && made.json["status"] == "queued", "\(made.text)")
            try await eventually("the server fetches it") { !vendor.library.transfers.isEmpty }
            return try #require(made.json["id"].text)
        }

        private static func arrive(at vendor: HoodySimulator) -> SimulatedFile {
            let file = vendor.library.addFile("a.bin", size: 70_000, in: "in")
            vendor.library.updateTransfers(where: { _ in true }) { transfer in
                transfer.state = .completed
                transfer.receivedBytes = file.size
                transfer.endedAt = Date()
            }
            return file
        }

        @Test func isOneDownloadFromItsStartToItsBytes() async throws {
            try await Self.run(isNewer: false) { gateway, vendor in
                let id = try await Self.begin(gateway, vendor)
                #expect(try await Self.listed(gateway) == [id])
                let file = Self.arrive(at: vendor)
                let done = try await gateway.admin.end(of: id)
                #expect(done["status"] == "completed" && done["size"].integer == 70_000, "\(done)")
                #expect(try await gateway.admin.get("/v1/downloads/\(id)").digest == file.contents.sha256)
                #expect(try await Self.listed(gateway) == [id])
                #expect(vendor.library.transfers.count == 1)
            }
        }

        /// The newer server answers once the file is there.
        @Test func isOneDownloadWhereTheStartAnswersAtTheEnd() async throws {
            try await Self.run(isNewer: true) { gateway, vendor in
                let id = try await Self.begin(gateway, vendor)
                #expect(try await gateway.admin.end(of: id)["status"] == "completed")
                let file = try #require(vendor.library.files.first { $0.name == "a.bin" })
                #expect(try await gateway.admin.get("/v1/downloads/\(id)").digest == file.contents.sha256)
                #expect(try await Self.listed(gateway) == [id])
                #expect(vendor.library.transfers.count == 1)
            }
        }

        private static func listed(_ gateway: EndToEndFixture) async throws -> [String?] {
            let anew = [(name: "Cache-Control", value: "no-cache")]
            let list = try await gateway.admin.get("/v1/downloads?sessionId=in", anew)
            return list.json["downloads"].list.map { $0["id"].text }
        }

        /// The older server has no way to stop one: it goes on, and so does the download.
        @Test func goesOnWhereTheServerCannotStopIt() async throws {
            try await Self.run(isNewer: false) { gateway, vendor in
                let id = try await Self.begin(gateway, vendor)
                let answer = try await gateway.admin.send("POST", "/v1/downloads/\(id)/cancel")
                #expect(answer.status == 501 && answer.code == "NOT_SUPPORTED", "\(answer.text)")
                _ = Self.arrive(at: vendor)
                #expect(try await gateway.admin.end(of: id)["status"] == "completed")
                #expect(vendor.library.transfers.count == 1)
            }
        }
    }
}
