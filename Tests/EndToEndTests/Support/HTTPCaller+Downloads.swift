// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

extension HTTPCaller {
    /// Asks for a URL; `more` are further members of the body.
    func create(_ url: String, _ headers: Fields = [], more: String = "") async throws -> Answer {
        let quoted = String(decoding: try JSONEncoder().encode(url), as: UTF8.self)
        return try await self.send(
            "POST",
            "/v1/downloads",
            [(name: "Content-Type", value: "application/json")] + headers,
            body: "{\"url\":\(quoted)\(more)}"
        )
    }

    func metadata(of id: String) async throws -> JSONValue {
        try await self.get("/v1/downloads/\(id)", [(name: "Accept", value: "application/json")]).json
    }

    /// The download once it has ended.
    func end(of id: String) async throws -> JSONValue {
        var last = JSONValue.null
        try await eventually("the end of \(id)") {
            last = try await self.metadata(of: id)
            return last["status"] != "queued" && last["status"] != "downloading"
        }
        return last
    }
}
