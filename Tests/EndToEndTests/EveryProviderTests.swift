// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Simulators
import Testing

extension EndToEnd {
    @Suite struct EveryProviderTests {
        /// A file that every vendor's demo has, and the download that the gateway makes of it.
        private static func sample(
            _ name: String,
            in gateway: EndToEndFixture
        ) async throws -> (
            file: SimulatedFile, download: JSONValue, path: String
        ) {
            let library = try gateway.vendors.simulator(name).library
            let file = try #require(
                library.files.first { $0.role == .download && $0.name == "orders.csv" && $0.session != nil }
            )
            let session = try #require(file.session)
            let list = try await gateway.admin.get(
                "/v1/downloads?provider=\(name)&sessionId=\(session)&filename=\(file.name)"
            )
            let downloads = list.json["downloads"].list
            #expect(list.status == 200 && downloads.count == 1, "\(list.text)")
            let download = try #require(downloads.first)
            return (file, download, "/v1/downloads/\(try #require(download["id"].text))")
        }

        @Test(arguments: SimulatedVendors.names)
        func listsEverythingThatItHolds(_ name: String) async throws {
            try await EndToEndFixture.run { gateway in
                let library = try gateway.vendors.simulator(name).library
                let list = try await gateway.admin.get("/v1/downloads?provider=\(name)&limit=100")
                #expect(list.status == 200)
                #expect(list.json["complete"] == true, "\(list.text)")
                let seen = Set(
                    list.json["downloads"].list.map {
                        "\($0["sessionId"].text ?? "-")/\($0["native"]["name"].text ?? "")/\($0["size"].integer ?? -1)"
                    }
                )
                let held = library.files.filter { $0.role == .download }
                #expect(held.count >= 7)
                for file in held { #expect(seen.contains("\(file.session ?? "-")/\(file.name)/\(file.size)")) }
            }
        }

        @Test(arguments: SimulatedVendors.names)
        func oneSessionHasItsFilesOnly(_ name: String) async throws {
            try await EndToEndFixture.run { gateway in
                let library = try gateway.vendors.simulator(name).library
                // A finished one too: whoever asks comes after the fact.
                for session in library.sessions {
                    let list = try await gateway.admin.get("/v1/downloads?sessionId=\(session.id)&limit=100")
                    let mine = list.json["downloads"].list.filter { $0["provider"].text == name }
                    #expect(list.json["downloads"].list.allSatisfy { $0["sessionId"].text == session.id })
                    let names = library.files(in: session.id).map(\.name)
                    #expect(Set(names).isSubset(of: mine.compactMap { $0["native"]["name"].text }), "\(list.text)")
                }
            }
        }

        @Test(arguments: SimulatedVendors.names)
        func metadataIsWhatTheListSays(_ name: String) async throws {
            try await EndToEndFixture.run { gateway in
                let (file, download, path) = try await Self.sample(name, in: gateway)
                let answer = try await gateway.admin.get(path, [(name: "Accept", value: "application/json")])
                #expect(answer.status == 200 && answer.type == "application/json")
                #expect(answer.json["id"] == download["id"])
                #expect(answer.json["filename"] == .string(file.name))
                #expect(answer.json["size"] == .integer(file.size))
                #expect(answer.json["status"] == "completed")
                #expect(answer.json["provider"] == .string(name))
                #expect(answer.json["mimeType"] == "text/csv")
                if let checksum = answer.json["checksum"].text { #expect(checksum == file.contents.sha256) }
            }
        }

        @Test(arguments: SimulatedVendors.names)
        func bytesArriveWholeAndInRanges(_ name: String) async throws {
            try await EndToEndFixture.run { gateway in
                let (file, _, path) = try await Self.sample(name, in: gateway)
                let whole = try await gateway.admin.get(path)
                #expect(whole.status == 200 && whole.type == "text/csv")
                #expect(whole.digest == file.contents.sha256)
                #expect(whole.head.value("Content-Length") == "\(file.size)")
                #expect(whole.head.value("Content-Disposition")?.contains("orders.csv") == true)
                for (range, bytes) in [
                    ("bytes=100-199", 100..<200), ("bytes=-7", file.size - 7..<file.size),
                    ("bytes=\(file.size - 3)-", file.size - 3..<file.size),
                ] {
                    let part = try await gateway.admin.get(path, [(name: "Range", value: range)])
                    #expect(part.status == 206)
                    #expect(part.body == file.contents.bytes(in: bytes), "\(range)")
                    let field = "bytes \(bytes.lowerBound)-\(bytes.upperBound - 1)/\(file.size)"
                    #expect(part.head.value("Content-Range") == field)
                }
                let several = "bytes=5-9, \(file.size)-, 20-29, -3"
                let parts = try await gateway.admin.get(path, [(name: "Range", value: several)])
                #expect(parts.status == 206)
                let boundary = try #require(parts.head.value("Content-Type")?.split(separator: "=").last)
                var expected = ByteBuffer()
                for part in [5..<10, 20..<30, file.size - 3..<file.size].enumerated() {
                    let range = "\(part.element.lowerBound)-\(part.element.upperBound - 1)/\(file.size)"
                    expected.writeString("\(part.offset == 0 ? "" : "\r\n")--\(boundary)\r\nContent-Type: text/csv\r\n")
                    expected.writeString("Content-Range: bytes \(range)\r\n\r\n")
                    expected.writeImmutableBuffer(file.contents.bytes(in: part.element))
                }
                expected.writeString("\r\n--\(boundary)--\r\n")
                #expect(parts.body == expected)
                let beyond = try await gateway.admin.get(path, [(name: "Range", value: "bytes=\(file.size)-")])
                #expect(beyond.status == 416 && beyond.head.value("Content-Range") == "bytes */\(file.size)")
            }
        }

        @Test(arguments: SimulatedVendors.names)
        func headAndConditionsAgreeWithGet(_ name: String) async throws {
            try await EndToEndFixture.run { gateway in
                let (file, _, path) = try await Self.sample(name, in: gateway)
                let head = try await gateway.admin.send("HEAD", path)
                #expect(head.status == 200 && head.body.readableBytes == 0)
                #expect(head.head.value("Content-Length") == "\(file.size)")
                let etag = try #require(head.head.value("ETag"))
                #expect(!etag.hasPrefix("W/"))
                let same = try await gateway.admin.get(path, [(name: "If-None-Match", value: etag)])
                #expect(same.status == 304 && same.body.readableBytes == 0)
                let whole = try await gateway.admin.get(path, [(name: "If-None-Match", value: "\"another\"")])
                #expect(whole.status == 200 && whole.head.value("ETag") == etag)
                let other = try await gateway.admin.get(path, [(name: "If-Match", value: "\"another\"")])
                #expect(other.status == 412 && other.code == "PRECONDITION_FAILED")
                let fields = [(name: "Range", value: "bytes=0-0"), (name: "If-Range", value: etag)]
                #expect(try await gateway.admin.get(path, fields).status == 206)
                let stale = [(name: "Range", value: "bytes=0-0"), (name: "If-Range", value: "\"another\"")]
                #expect(try await gateway.admin.get(path, stale).status == 200)
            }
        }

        @Test(arguments: SimulatedVendors.names)
        func deletesOrSaysThatItCannot(_ name: String) async throws {
            try await EndToEndFixture.run { gateway in
                let (file, download, path) = try await Self.sample(name, in: gateway)
                let provider = try await gateway.admin.get("/v1/providers/\(name)")
                let library = try gateway.vendors.simulator(name).library
                let isHeld = { library.files.contains { $0.number == file.number } }
                let list = "/v1/downloads?provider=\(name)&sessionId=\(file.session ?? "")"
                let isListed = {
                    try await gateway.admin.get(list, [(name: "Cache-Control", value: "no-cache")]).json["downloads"]
                        .list
                        .contains { $0["id"] == download["id"] }
                }
                let first = try await gateway.admin.send("DELETE", path)
                if provider.json["capabilities"]["delete"] == true {
                    #expect(first.status == 204)
                    #expect(!isHeld())
                    #expect(try await !isListed())
                    #expect(try await gateway.admin.send("DELETE", path).status == 404)
                    #expect(try await gateway.admin.get(path).status == 404)
                } else {
                    #expect(first.status == 501 && first.code == "NOT_SUPPORTED")
                    #expect(isHeld())
                    #expect(try await isListed())
                }
            }
        }

        @Test func onlyAnchorAndOlderNotteCannotDelete() async throws {
            try await EndToEndFixture.run { gateway in
                let providers = try await gateway.admin.get("/v1/providers").json["providers"].list
                let unable = providers.filter { $0["capabilities"]["delete"] == false }.compactMap { $0["name"].text }
                #expect(providers.compactMap { $0["name"].text } == SimulatedVendors.names)
                #expect(unable == ["anchor", "notte"])
            }
        }
    }
}
