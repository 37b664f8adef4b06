// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

/// A plain web server, such as callers have URLs of.
///
/// - `/files/NAME`: a file with ranges and a strong `ETag`
/// - `/plain/NAME`: the same without either
/// - `/named/NAME?as=TEXT`: with TEXT for a `Content-Disposition`
/// - `/redirect?to=URL`: 302; `/loop`: 302 to itself
public struct OriginSimulator: Sendable {
    /// What it holds; of two files of one name the later is served.
    public let library: SimulatedLibrary
    /// Where it listens.
    public let server: SimulatorServer

    /// Listens, where `port` is 0 on a free one.
    public static func start(library: SimulatedLibrary, port: Int = 0) async throws -> OriginSimulator {
        let server = try await SimulatorServer.start(port: port) { Self.answer($0, library) }
        return OriginSimulator(library: library, server: server)
    }

    /// `http://127.0.0.1:port`.
    public var baseURL: String { self.server.baseURL }

    /// The URL of a file.
    public func url(_ name: String, under folder: String = "files") -> String {
        "\(self.baseURL)/\(folder)/\(name.percentEncoded)"
    }

    /// Closes every connection and the door.
    public func stop() async { await self.server.stop() }

    private static func answer(_ request: SimulatedRequest, _ library: SimulatedLibrary) -> SimulatedResponse {
        let segments = request.segments
        if segments == ["redirect"], let target = request.value("to") {
            return SimulatedResponse(302, headers: ["Location": target])
        }
        if segments == ["loop"] { return SimulatedResponse(302, headers: ["Location": "/loop"]) }
        guard segments.count == 2, let file = library.files.last(where: { $0.name == segments[1] }) else {
            return .text("Not found", status: 404)
        }
        switch segments[0] {
        case "files": return .ranged(file, for: request)
        case "plain": return .file(file)
        case "named":
            var response = SimulatedResponse.ranged(file, for: request)
            response.headers[.contentDisposition] = request.value("as")
            return response
        default: return .text("Not found", status: 404)
        }
    }
}
