// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// The wire types of ``HoodyAPI``. Field names differ between the seed's server and newer ones; both are read.
extension HoodyAPI {
    struct Entries: Decodable, Sendable {
        /// Those that can be read: one that has no name takes no other from the list.
        var entries: [Entry]

        enum CodingKeys: CodingKey { case entries }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            self.entries = try container.decode([Lenient<Entry>].self, forKey: .entries).compactMap(\.value)
        }
    }

    struct Entry: Decodable, Sendable {
        var name: String
        var isDirectory: Lenient<Bool>?
        var size: WireSize?
        var modified: WireTime?

        enum CodingKeys: String, CodingKey {
            case name
            case isDirectory = "is_dir"
            case size
            case modified
        }
    }

    struct Stat: Decodable, Sendable {
        var pathType: String
        var size: WireSize?
        var mtime: WireTime?

        enum CodingKeys: String, CodingKey {
            case pathType = "path_type"
            case size
            case mtime
        }

        /// Whether it is a file, or a link to one.
        var isFile: Bool { !self.pathType.lowercased().hasSuffix("dir") }
    }

    struct Started: Decodable, Sendable {
        var id: Lenient<String>?

        enum CodingKeys: String, CodingKey {
            case id = "download_id"
        }
    }

    struct Active: Decodable, Sendable {
        var downloads: [Transfer]
    }

    struct History: Decodable, Sendable {
        var history: [Transfer]
    }

    /// A transfer that runs, or has ended.
    struct Transfer: Decodable, Sendable {
        var id: String?
        var filename: String?
        var path: HoodyPath?
        var url: String?
        var status: String?
        var receivedBytes: Int64?
        var totalBytes: Int64?
        var percent: Double?
        var startedAt: Date?
        var endedAt: Date?
        var code: String?
        var error: String?

        enum CodingKeys: String, CodingKey {
            case id
            case filename
            case filePath = "file_path"
            case directory
            case url
            case status
            case currentSize = "current_size"
            case expectedSize = "expected_size"
            case totalBytes = "total_bytes"
            case fileSize = "file_size"
            case progressPercentage = "progress_percentage"
            case startTime = "start_time"
            case endTime = "end_time"
            case code
            case error
            case errorMessage = "error_message"
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            func text(_ key: CodingKeys) -> String? {
                (try? container.decodeIfPresent(String.self, forKey: key)).flatMap { $0 }.nonEmpty
            }
            func size(_ key: CodingKeys) -> Int64? {
                (try? container.decodeIfPresent(WireSize.self, forKey: key)).flatMap { $0?.bytes }
            }
            func time(_ key: CodingKeys) -> Date? {
                (try? container.decodeIfPresent(WireTime.self, forKey: key)).flatMap { $0?.date }
            }
            self.id = (try? container.decodeIfPresent(WireID.self, forKey: .id)).flatMap { $0?.text }.nonEmpty
            self.filename = text(.filename)
            let folder = HoodyPath(text(.directory) ?? "") ?? .root
            self.path = text(.filePath).map { HoodyPath($0) } ?? self.filename.flatMap(folder.child)
            self.url = text(.url)
            self.status = text(.status)?.lowercased()
            self.receivedBytes = size(.currentSize)
            self.totalBytes = size(.totalBytes) ?? size(.fileSize) ?? size(.expectedSize)
            self.percent = (try? container.decodeIfPresent(Double.self, forKey: .progressPercentage)).flatMap { $0 }
            self.startedAt = time(.startTime)
            self.endedAt = time(.endTime)
            self.code = text(.code)
            self.error = text(.error) ?? text(.errorMessage)
        }
    }
}

extension HoodyAPI.Transfer {
    /// Where it stands, in our words.
    ///
    /// An unknown word counts by what else is known.
    var state: DownloadStatus {
        switch self.status {
        case "starting", "queued", "pending": return .queued
        case "downloading", "running", "in_progress": return .downloading
        case "completed", "success", "finished": return .completed
        case "failed", "error": return .failed
        case "cancelled", "canceled": return .cancelled
        default:
            if self.code != nil || self.error != nil { return .failed }
            return self.endedAt == nil ? .downloading : .completed
        }
    }

    /// Why it failed; `clean` makes the server's words fit to be shown.
    func failure(_ clean: (String) -> String) -> DownloadFailure? {
        guard self.state == .failed else { return nil }
        let words = [self.code, self.error].compactMap { $0 }
        let code = words.lazy.compactMap(Self.failureCode).first ?? .networkError
        return DownloadFailure(code: code, message: clean(self.error ?? self.code ?? "The transfer failed."))
    }

    private static func failureCode(_ word: String) -> DownloadFailure.Code? {
        switch word {
        case "FILE_PATH_BUSY", "FILE_PATH_CHANGED", "MOUNT_PATH_RESERVED", "CONTAINS_SERVICE_STORAGE": .conflict
        case "ACCESS_FORBIDDEN": .downloadForbidden
        default: DownloadFailure.Code(rawValue: word)
        }
    }
}
