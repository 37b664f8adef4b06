// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Simulators

/// Like ``ScriptedUpstream``, for answers that are no text.
struct BinaryUpstream: Sendable {
    struct Answer: Sendable {
        var status: Int
        var body: ByteBuffer
    }

    private let server: RawServer

    static func start(_ answer: @escaping @Sendable (_ line: String) -> Answer) async throws -> BinaryUpstream {
        let server = try await RawServer.start { connection in
            let request = try await connection.readHead()
            let answer = answer(request.line)
            let head =
                "HTTP/1.1 \(answer.status) Status\r\nConnection: close\r\nContent-Length: \(answer.body.readableBytes)\r\n\r\n"
            try await connection.send(head)
            try await connection.send(answer.body)
        }
        return BinaryUpstream(server: server)
    }

    var baseURL: String { self.server.url("") }
    var lines: [String] { self.server.requests.map { $0.line.replacing(" HTTP/1.1", with: "") } }
    func stop() async { await self.server.shutdown() }
}
