// SPDX-License-Identifier: Apache-2.0

/// A download as the gateway tells it (the contract's object, as far as it is needed here).
struct RemoteDownload: Decodable, Sendable {
    struct Progress: Decodable, Sendable {
        let receivedBytes: Int64
        let totalBytes: Int64?
    }

    struct Failure: Decodable, Sendable {
        let code: String
        let message: String
    }

    let id: String
    let filename: String
    let size: Int64?
    let checksum: String?
    let status: String
    let progress: Progress?
    let error: Failure?

    /// Whether it is still on its way.
    var isActive: Bool { self.status == "queued" || self.status == "downloading" }
}

/// A refusal of the gateway (RFC 9457).
struct RemoteProblem: Decodable, Sendable {
    struct Field: Decodable, Sendable {
        let field: String
        let message: String
    }

    let code: String
    let detail: String?
    let errors: [Field]?

    /// A sentence for people.
    var message: String {
        let fields = (self.errors ?? []).map { "\($0.field) \($0.message)" }
        return ([self.detail].compactMap(\.self) + fields).joined(separator: " ") + " (\(self.code))"
    }
}
