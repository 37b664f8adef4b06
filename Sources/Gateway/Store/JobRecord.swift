// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import GRDB

/// What is sealed of a request; the one place where its secrets are written.
enum SealedRequest: Codable {
    case url(SealedURL)
    case copy(SealedCopy)
    case upload(SealedUpload)

    init(_ request: JobRequest) {
        self =
            switch request {
            case .url(let request): .url(SealedURL(request))
            case .copy(let request): .copy(SealedCopy(request))
            case .upload(let request, let timeout):
                .upload(SealedUpload(target: request, timeout: timeout.wholeMilliseconds))
            }
    }

    init(from decoder: any Decoder) throws {
        // Told apart by their fields: a row may be older than copies are.
        if let copy = try? SealedCopy(from: decoder) {
            self = .copy(copy)
        } else if let upload = try? SealedUpload(from: decoder) {
            self = .upload(upload)
        } else {
            self = .url(try SealedURL(from: decoder))
        }
    }

    func encode(to encoder: any Encoder) throws {
        switch self {
        case .url(let request): try request.encode(to: encoder)
        case .copy(let request): try request.encode(to: encoder)
        case .upload(let request): try request.encode(to: encoder)
        }
    }

    var request: JobRequest? {
        switch self {
        case .url(let sealed): .url(sealed.request)
        case .copy(let sealed): sealed.request.map { .copy($0) }
        case .upload(let sealed): .upload(sealed.target, timeout: .milliseconds(sealed.timeout))
        }
    }
}

/// What is sealed of a file that a caller sends.
struct SealedUpload: Codable {
    var target: UploadRequest
    var timeout: Int64
}

/// What is sealed of a copy.
struct SealedCopy: Codable {
    var sourceProvider: String
    var sourceSession: String?
    var sourceItem: String
    var target: UploadRequest
    var timeout: Int64

    init(_ request: CopyRequest) {
        self.sourceProvider = request.source.provider.name
        self.sourceSession = request.source.session
        self.sourceItem = request.source.item
        self.target = request.target
        self.timeout = request.timeout.wholeMilliseconds
    }

    var request: CopyRequest? {
        ProviderID(self.sourceProvider).map { provider in
            CopyRequest(
                source: DownloadReference(provider: provider, session: self.sourceSession, item: self.sourceItem),
                target: self.target,
                timeout: .milliseconds(self.timeout)
            )
        }
    }
}

/// What is sealed of a request to bring in a URL.
struct SealedURL: Codable {
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
            sourceURL: (row["sourceURL"] as String?).flatMap { $0.isEmpty ? nil : $0 },
            name: row["name"],
            status: status
        )
        self.tries = row["tries"]
        self.nextTryAt = Date(milliseconds: row["nextTryAt"])
        self.spent = .milliseconds(row["spent"] as Int64)
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
