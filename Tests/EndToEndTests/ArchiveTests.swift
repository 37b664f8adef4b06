// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Simulators
import Testing

extension EndToEnd {
    @Suite struct ArchiveTests {
        private static let accept: HTTPCaller.Fields = [(name: "Accept", value: "application/zip")]

        /// Reads an archive into a file, piece by piece; answers its head.
        private static func fetch(
            _ target: String,
            _ caller: HTTPCaller,
            into file: URL,
            headers: HTTPCaller.Fields = []
        ) async throws -> AnswerHead {
            let exchange = try await caller.open("GET", target, Self.accept + headers)
            try Data().write(to: file)
            let handle = try FileHandle(forWritingTo: file)
            defer { try? handle.close() }
            do {
                while let part = try await exchange.next() {
                    try handle.write(contentsOf: Data(part.readableBytesView))
                }
            } catch {
                await exchange.close()
                throw error
            }
            await exchange.close()
            let length = try handle.offset()
            #expect(exchange.head.value("Content-Length").map { $0 == String(length) } ?? true)
            return exchange.head
        }

        @Test func everyVendorsFilesAreInOneArchive() async throws {
            try await EndToEndFixture.run { gateway in
                try await withTemporaryFolder { folder in
                    let file = folder.appendingPathComponent("all.zip")
                    let filter = "status=completed&maxSize=3000000"
                    let list = try await gateway.admin.get("/v1/downloads?limit=100&sort=filename&" + filter).json
                    #expect(list["complete"] == true)
                    let head = try await Self.fetch("/v1/downloads?sort=filename&" + filter, gateway.admin, into: file)
                    #expect(head.status == 200 && head.value("Content-Length") != nil)
                    try await ZipOpener.expectAllOpen(file)
                    let members = try await ZipOpener.members(of: file)
                    #expect(members.map(\.size) == list["downloads"].list.map { $0["size"].integer ?? -1 })
                    #expect(
                        Set(members.map { $0.name.prefix { $0 != "/" } }) == Set(SimulatedVendors.names.map { $0[...] })
                    )
                    for (member, download) in zip(members, list["downloads"].list) {
                        let parts = [download["provider"].text, download["sessionId"].text, download["filename"].text]
                        #expect(member.name == parts.compactMap(\.self).joined(separator: "/"))
                        let id = try #require(download["id"].text)
                        #expect(
                            try await gateway.admin.get("/v1/downloads/\(id)").digest == member.sha256,
                            "\(member.name)"
                        )
                    }
                }
            }
        }

        @Test func hostileNamesAndDuplicatesAreUnpackedWhereTheyShould() async throws {
            try await EndToEndFixture.run { gateway in
                let library = try gateway.vendors.browserbase.library
                let session = library.addSession()
                let names = [
                    "../../../escaped.txt", "/tmp/absolute.txt", "a.pdf", "A.pdf", "a.pdf", "..", "C:\\x\\y.exe",
                    "été 😀.txt",
                ]
                for name in names { library.addFile(name, size: 100, in: session.id) }
                try await withTemporaryFolder { folder in
                    let file = folder.appendingPathComponent("hostile.zip")
                    let path = "/v1/downloads?provider=browserbase&sessionId=\(session.id)&sort=createdAt"
                    _ = try await Self.fetch(path, gateway.admin, into: file)
                    try await ZipOpener.expectAllOpen(file)
                    let members = try await ZipOpener.members(of: file)
                    #expect(
                        Set(members.map(\.name)) == [
                            "escaped.txt", "absolute.txt", "a.pdf", "A (2).pdf", "a (3).pdf", "download", "y.exe",
                            "été 😀.txt",
                        ]
                    )
                    let unpack =
                        "cd \"$1\" && mkdir out && cd out && python3 -m zipfile -e ../hostile.zip . && ls -A | wc -l"
                    let (status, output) = try await ZipOpener.run(unpack, folder.path)
                    #expect(status == 0 && output.contains("\(names.count)"), "\(output)")
                    #expect(
                        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [
                            "hostile.zip", "out",
                        ]
                    )
                }
            }
        }

        @Test(arguments: ["", "&onError=report"])
        func fileThatBreaksBreaksTheArchive(_ mode: String) async throws {
            try await EndToEndFixture.run { gateway in
                try await withTemporaryFolder { folder in
                    let file = folder.appendingPathComponent("broken.zip")
                    try gateway.vendors.breakBytes(of: "browserbase", .cut(afterBytes: 100_000))
                    let path = "/v1/downloads?provider=browserbase&minSize=150000&maxSize=3000000" + mode
                    await #expect(throws: Exchange.BrokenOff.self) {
                        try await Self.fetch(
                            path,
                            gateway.admin,
                            into: file,
                            headers: [(name: "X-Request-Id", value: "cut")]
                        )
                    }
                    #expect(try await ZipOpener.run("python3 -m zipfile -t \"$1\"", file.path).status != 0)
                    try await eventually("a log entry of the cut") {
                        let entries = try await gateway.admin.get("/v1/logs?requestId=cut").json["logs"].list
                        return entries.first?["outcome"] == "upstreamCut"
                    }
                }
            }
        }

        @Test func whatCannotBeHadIsReported() async throws {
            try await EndToEndFixture.run { gateway in
                try await withTemporaryFolder { folder in
                    let file = folder.appendingPathComponent("report.zip")
                    let path = "/v1/downloads?maxSize=3000000&onError=report"
                    // Anchor's bytes are never as long as listed, and Notte's lists cannot be read.
                    try gateway.vendors.breakBytes(of: "anchor", .shorten(byBytes: 1))
                    try gateway.vendors.simulator("notte-files").faults.add(.status(500), times: 100_000)
                    let head = try await Self.fetch(path, gateway.admin, into: file)
                    #expect(head.status == 200 && head.value("Content-Length") == nil)
                    try await ZipOpener.expectAllOpen(file)
                    let members = try await ZipOpener.members(of: file)
                    #expect(members.last?.name == "MISSING.txt")
                    // An empty file has no byte less.
                    #expect(members.filter { $0.name.hasPrefix("anchor/") }.allSatisfy { $0.size == 0 })
                    #expect(members.contains { $0.name.hasPrefix("browserbase/") })
                    let (_, report) = try await ZipOpener.run(
                        "cd \"$1\" && python3 -m zipfile -e report.zip . && cat MISSING.txt",
                        folder.path
                    )
                    #expect(report.contains("UPSTREAM_MALFORMED\tanchor/"), "\(report)")
                    #expect(report.contains("\tprovider notte-files\t-\t"))
                    for secret in SimulatedVendors.secrets { #expect(!report.contains(secret)) }
                    let refused = try await gateway.admin.get("/v1/downloads?maxSize=3000000", Self.accept)
                    #expect(refused.status == 502 && refused.code == "UPSTREAM_ERROR", "\(refused.text)")
                }
            }
        }

        @Test func bulkDeletionDeletesAtTheVendor() async throws {
            try await EndToEndFixture.run { gateway in
                let library = try gateway.vendors.browserbase.library
                let session = try #require(library.sessions.last)
                let files = library.files(in: session.id).count
                let filter = "provider=browserbase&sessionId=\(session.id)"
                #expect(files > 1)
                let wrong = try await gateway.admin.send("DELETE", "/v1/downloads?\(filter)&confirm=\(files + 1)")
                #expect(wrong.status == 400 && library.files(in: session.id).count == files)
                let answer = try await gateway.admin.send("DELETE", "/v1/downloads?\(filter)&confirm=\(files)")
                #expect(answer.status == 200 && answer.json["deleted"].integer == Int64(files), "\(answer.text)")
                #expect(library.files(in: session.id).isEmpty)
                #expect(try await gateway.admin.get("/v1/downloads?\(filter)").json["total"] == 0)
            }
        }

        /// An account without the Downloads API: its zip is read once for the archive, not once for each file.
        @Test func aVendorsZipIsReadOnce() async throws {
            let library = SimulatedLibrary(seed: 12)
            library.addSession("s1")
            for number in 0..<12 { library.addFile("f\(number).bin", size: 10_000, in: "s1") }
            let vendor = try await BrowserbaseSimulator.start(library: library, options: .init(downloadsAPI: false))
            let provider =
                "  - { name: bb, kind: browserbase, baseURL: \"\(vendor.baseURL)\", credentials: [{ apiKey: \"\(BrowserbaseSimulator.apiKey)\" }] }"
            try await EndToEndFixture.run(GatewaySettings(providers: provider)) { gateway in
                try await Self.expectWhole("/v1/downloads?sessionId=s1", gateway, library)
                let zips = vendor.requests.filter { $0.header("Accept") == "application/zip" }
                // One for the list, one for the archive.
                #expect(zips.count == 2)
            }
            await vendor.stop()
        }

        /// Vagon makes one zip of many files in a job: asked for once, and waited for.
        @Test func aMachinesFilesComeOutOfVagonsJob() async throws {
            let library = SimulatedLibrary(seed: 13)
            library.addSession("100")
            for number in 0..<5 { library.addFile("f\(number).bin", size: 10_000, in: "100") }
            // Two of one name cannot be told apart in a zip whose paths nobody has documented.
            for _ in 1...2 { library.addFile("twin.bin", size: 500, in: "100") }
            let vendor = try await VagonSimulator.start(library: library)
            let provider =
                "  - { name: vagon, kind: vagon, baseURL: \"\(vendor.baseURL)\", credentials: [{ apiKey: \"\(VagonSimulator.apiKey)\", secret: \"\(VagonSimulator.secret)\" }] }"
            try await EndToEndFixture.run(GatewaySettings(providers: provider)) { gateway in
                try await Self.expectWhole("/v1/downloads?sessionId=100", gateway, library)
                let starts = vendor.requests.filter { $0.method == "POST" && $0.path.hasSuffix("/files/download") }
                #expect(starts.count == 3)
                #expect(vendor.storage?.requests.allSatisfy { $0.header("Authorization") == nil } == true)
            }
            await vendor.stop()
        }

        private static func expectWhole(
            _ target: String,
            _ gateway: EndToEndFixture,
            _ library: SimulatedLibrary
        ) async throws {
            try await withTemporaryFolder { folder in
                let file = folder.appendingPathComponent("whole.zip")
                let head = try await Self.fetch(target, gateway.admin, into: file)
                #expect(head.status == 200 && head.value("Content-Length") != nil)
                try await ZipOpener.expectAllOpen(file)
                let members = try await ZipOpener.members(of: file)
                let expected = library.files.map(\.contents.sha256)
                #expect(members.map { $0.sha256 ?? "" }.sorted() == expected.sorted())
            }
        }

        /// A thousand files and a large one, through the built gateway in a process of its own.
        @Test func memoryStaysFlat() async throws {
            let library = SimulatedLibrary(seed: 11)
            library.addSession("Downloads")
            for number in 0..<1000 { library.addFile("f\(number).bin", size: 40_000, in: "Downloads") }
            library.addFile("large.bin", size: 400 << 20, in: "Downloads")
            let vendor = try await HoodySimulator.start(library: library)
            let provider =
                "  - { name: hoody, kind: hoody, baseURL: \"\(vendor.baseURL)\", credentials: [{ token: \"\(HoodySimulator.token)\" }] }"
            try await withTemporaryFolder { folder in
                let config = folder.appendingPathComponent("sluice.yaml")
                try GatewaySettings(providers: provider).yaml(
                    storage: folder.appendingPathComponent("store"),
                    vendors: nil
                )
                .write(to: config, atomically: true, encoding: .utf8)
                let environment = ["SLUICE_ADMIN_KEY": EndToEndFixture.adminKey]
                try await GatewayProcess.serve(["--config", config.path], in: folder, environment: environment) {
                    process,
                    anyone in
                    let caller = anyone.with([(name: "Authorization", value: "Bearer \(EndToEndFixture.adminKey)")])
                    _ = try await caller.get("/v1/downloads?sessionId=Downloads&filename=f0.bin", Self.accept)
                    let before = process.residentBytes
                    let exchange = try await caller.open("GET", "/v1/downloads?sessionId=Downloads", Self.accept)
                    var (most, count) = (before, 0)
                    while try await exchange.next() != nil {
                        count += 1
                        if count.isMultiple(of: 256) { most = max(most, process.residentBytes) }
                    }
                    await exchange.close()
                    #expect(exchange.head.value("Content-Length") == "\(exchange.received)")
                    #expect(exchange.received > 440_000_000)
                    #expect(most - before < 64 << 20, "it grew by \(most - before) bytes")
                    try await eventually("the end of all transfers") { vendor.requests.allSatisfy { $0.end != nil } }
                }
            }
            await vendor.stop()
        }
    }
}
