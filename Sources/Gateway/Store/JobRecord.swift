// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import GRDB

/// What is sealed of a request; the one place where its secrets are written.
struct SealedRequest: Codable {
    var url: String
    var directory: String?
    var filename: String?
    var timeout: Int64
    var checksum: String?
    var headers: [[String]]

    init(_ request: CreateRequest) {
        self.url = request.url
        self.directory = request.directory
        self.filename = request.filename
        self.timeout = request.timeout.wholeMilliseconds
        self.checksum = request.checksum
        self.headers = request.headers.map { [$0.name, $0.value.reveal()] }
    }

    var request: CreateRequest {
        CreateRequest(
            url: self.url,
            directory: self.directory,
            filename: self.filename,
            timeout: .milliseconds(self.timeout),
            checksum: self.checksum,
            headers: self.headers.compactMap { pair in
                guard pair.count == 2 else { return nil }
                return CreateRequest.Header(name: pair[0], value: Secret(pair[1]))
            }
        )
    }
}

extension Job {
    /// Reads a row; `nil` for one of another version.
    init?(row: Row) {
        guard let id = UUID(uuidString: row["id"]), let provider = ProviderID(row["provider"]),
            let status = DownloadStatus(rawValue: row["status"]), let createdAt = Date(milliseconds: row["createdAt"])
        else { return nil }
        self.init(
            id: id,
            caller: row["caller"],
            provider: provider,
            session: row["session"],
            host: row["host"],
            createdAt: createdAt,
            sourceURL: row["sourceURL"],
            name: row["name"],
            status: status
        )
        self.tries = row["tries"]
        self.nextTryAt = Date(milliseconds: row["nextTryAt"])
        self.spent = .milliseconds(row["spent"] as Int64)
        self.checkpoint = row["checkpoint"]
        self.receivedBytes = row["receivedBytes"]
        self.totalBytes = row["totalBytes"]
        self.result = (row["result"] as String?)
            .flatMap { try? JSONDecoder().decode(DownloadRecord.self, from: Data($0.utf8)) }?.download(of: provider)
        if let item = row["resultItem"] as String? {
            self.listedAs = DownloadReference(provider: provider, session: row["resultSession"], item: item)
        }
        if let code = (row["failureCode"] as String?).flatMap(DownloadFailure.Code.init) {
            self.failure = DownloadFailure(code: code, message: row["failureMessage"] ?? "")
        }
        self.startedAt = Date(milliseconds: row["startedAt"])
        self.endedAt = Date(milliseconds: row["endedAt"])
    }
}
