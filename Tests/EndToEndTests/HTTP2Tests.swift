// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import Simulators
import Testing

extension EndToEnd {
    /// TLS and HTTP/2 at the door, as somebody else's client sees it.
    @Suite struct HTTP2Tests {
        private static let size: Int64 = 16 << 20

        /// Makes a certificate for localhost, and answers its file.
        @discardableResult
        private static func certify(_ folder: URL) async throws -> URL {
            let (status, output) = try await ZipOpener.run(
                """
                openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost \
                -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$1/key.pem.new" -out "$1/cert.pem.new" &&
                mv "$1/key.pem.new" "$1/key.pem" && mv "$1/cert.pem.new" "$1/cert.pem"
                """,
                folder.path
            )
            guard status == 0 else { throw NeverHappened(what: "a certificate: \(output)") }
            return folder.appendingPathComponent("cert.pem")
        }

        /// A caller that believes the certificate; `curl` with more arguments.
        private struct Curl {
            let address: String
            let certificate: URL

            func run(_ more: String, _ path: String) async throws -> (status: Int32, output: String) {
                try await ZipOpener.run(
                    "curl -sS --cacert \"$1\" -H \"Authorization: Bearer $2\" \(more) \"$3\"",
                    self.certificate.path,
                    EndToEndFixture.adminKey,
                    self.address + path
                )
            }

            /// The path of the only file.
            func file() async throws -> String {
                let (_, text) = try await self.run("", "/v1/downloads")
                let list = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
                return "/v1/downloads/\(try #require(list["downloads"].list.first?["id"].text, "\(text)"))"
            }
        }

        private static func run(
            size: Int64 = Self.size,
            _ body: (HugeFile, GatewayProcess, Curl) async throws -> Void
        ) async throws {
            try await HugeFile.run(size: size) { setup in
                let certificate = try await Self.certify(setup.folder)
                try setup.configure(server: "tls: { certificate: cert.pem, privateKey: key.pem }")
                let (process, caller) = try await setup.start()
                #expect(caller.baseURL.hasPrefix("https://"))
                do {
                    try await body(setup, process, Curl(address: caller.baseURL, certificate: certificate))
                } catch {
                    process.terminate()
                    throw error
                }
                process.terminate()
                #expect(try await process.status() == 0, "\(process.complaints)")
            }
        }

        @Test(arguments: ["--http1.1", "--http2"]) func bytesAreWholeInEitherVersion(_ version: String) async throws {
            try await Self.run { setup, _, curl in
                let target = setup.folder.appendingPathComponent("got.bin").path
                let path = try await curl.file()
                // From the second time on nobody looks at the bytes; but they are encrypted here, and in frames.
                for _ in 0..<2 {
                    let (status, output) = try await curl.run("\(version) -o '\(target)' -w '%{http_version}'", path)
                    #expect(status == 0 && output == (version == "--http2" ? "2" : "1.1"), "\(output)")
                    let bytes = try Data(contentsOf: URL(fileURLWithPath: target))
                    let digest = SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined()
                    #expect(digest == setup.file.contents.sha256)
                }
                let metrics = try await curl.run("", "/metrics").output
                #expect(metrics.contains("sluice_relayed_bodies_total 0"))
                let head = try await curl.run("\(version) -I", path)
                #expect(head.output.contains("\(Self.size)"), "\(head.output)")
                let refused = try await curl.run("\(version) -d '{' -H 'Content-Type: application/json'", "/v1/keys")
                #expect(refused.output.contains("INVALID_REQUEST"), "\(refused.output)")
            }
        }

        @Test func manyStreamsShareAConnection() async throws {
            try await Self.run { setup, _, curl in
                let path = try await curl.file()
                let urls = (0..<7).map { _ in "-o /dev/null '\(curl.address)\(path)'" }.joined(separator: " ")
                let format = "-w '%{http_version} %{num_connects} %{size_download}\\n' -o /dev/null"
                let (status, output) = try await curl.run("2>/dev/null --http2 --parallel \(format) \(urls)", path)
                #expect(status == 0, "\(output)")
                let lines = output.split(separator: "\n").map { $0.split(separator: " ") }
                #expect(
                    lines.count == 8 && lines.allSatisfy { $0.first == "2" && $0.last == "\(Self.size)" },
                    "\(output)"
                )
                #expect(lines.count { $0.count == 3 && $0[1] == "1" } == 1, "\(output)")
            }
        }

        @Test func clientThatStopsReadingHoldsBackTheUpstream() async throws {
            try await Self.run(size: 1 << 30) { setup, process, curl in
                let path = try await curl.file()
                let before = process.residentBytes
                let slow = Task { try await curl.run("--http2 --limit-rate 10k --max-time 3 -o /dev/null", path) }
                #expect(try await slow.value.status == 28)
                func request() throws -> SimulatedRequest {
                    try #require(setup.vendor.requests.last { $0.path == "/Downloads/huge.bin" })
                }
                // What curl's own window takes, and not the file.
                #expect(try request().pushedBytes < 96 << 20)
                #expect(process.residentBytes - before < 64 << 20)
                try await eventually("the end of the upstream's transfer") { try request().end == .peerLeft }
            }
        }

        @Test func renewedCertificateIsShownToTheNextConnection() async throws {
            try await Self.run { setup, _, curl in
                let old = setup.folder.appendingPathComponent("old.pem")
                try FileManager.default.copyItem(at: curl.certificate, to: old)
                #expect(try await curl.run("", "/healthz").status == 0)
                try await Self.certify(setup.folder)
                try await eventually("the new one is shown") { try await curl.run("", "/healthz").status == 0 }
                #expect(try await Curl(address: curl.address, certificate: old).run("", "/healthz").status == 60)
            }
        }
    }
}
