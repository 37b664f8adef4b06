// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// The wire types of ``VagonAPI``.
extension VagonAPI {
    /// Where files are listed.
    enum Source: Hashable, Sendable {
        /// The organisation's own, outside of any machine.
        case shared
        /// What a machine stored.
        case machine(String)
        /// Recordings of a machine's sessions, at a configured path.
        case recordings(path: String, machine: String)
    }

    /// An entity as JSON:API writes it, its attributes in an object of their own; some answers write them flat.
    struct Entity<Attributes: Decodable & Sendable>: Decodable, Sendable {
        var id: WireID
        var attributes: Attributes

        enum CodingKeys: String, CodingKey {
            case id
            case attributes
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            self.id = try container.decode(WireID.self, forKey: .id)
            self.attributes =
                try container.decodeIfPresent(Attributes.self, forKey: .attributes) ?? Attributes(from: decoder)
        }
    }

    struct MachinePage: Decodable, Sendable {
        var machines: [Entity<Machine>]
        var nextPage: Lenient<WireID>?

        enum CodingKeys: String, CodingKey {
            case machines
            case nextPage = "next_page"
        }
    }

    struct Machine: Decodable, Sendable {
        var lastSessionStartAt: WireTime?

        enum CodingKeys: String, CodingKey {
            case lastSessionStartAt = "last_session_start_at"
        }
    }

    struct FilePage: Decodable, Sendable {
        var files: [Entity<File>]
        var nextPage: Lenient<WireID>?

        enum CodingKeys: String, CodingKey {
            case files
            case nextPage = "next_page"
        }
    }

    struct File: Decodable, Sendable {
        var name: String?
        var fileName: String?
        var objectType: String?
        var size: WireSize?
        var contentType: String?
        var lastModifiedDate: WireTime?

        enum CodingKeys: String, CodingKey {
            case name
            case fileName = "file_name"
            case objectType = "object_type"
            case size
            case contentType = "content_type"
            case lastModifiedDate = "last_modified_date"
        }

        var isDirectory: Bool { self.objectType?.lowercased() == "directory" }
    }

    /// A way to a file's bytes, or the job that makes one.
    struct Link: Decodable, Sendable {
        var url: String?
        var job: String?
        var contentType: String?
        var status: String?

        enum CodingKeys: String, CodingKey {
            case url
            case downloadURL = "download_url"
            case downloadID = "download_id"
            case id
            case contentType = "content_type"
            case status
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            func text(_ key: CodingKeys) -> String? {
                (try? container.decodeIfPresent(String.self, forKey: key)).flatMap { $0 }.nonEmpty
            }
            func id(_ key: CodingKeys) -> String? {
                (try? container.decodeIfPresent(WireID.self, forKey: key)).flatMap { $0?.text }.nonEmpty
            }
            self.url = text(.url) ?? text(.downloadURL)
            self.job = id(.downloadID) ?? id(.id)
            self.contentType = text(.contentType)
            self.status = text(.status)
        }
    }

    /// A folder on a machine: a flat list, or an object with the files and the folders apart.
    ///
    /// Both are documented.
    struct DiskContent: Decodable, Sendable {
        /// Without folders.
        var files: [DiskFile]

        enum CodingKeys: String, CodingKey {
            case content
            case files
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            if container.contains(.content) {
                if let flat = try? container.decode([DiskFile].self, forKey: .content) {
                    self.files = flat.filter { $0.isDirectory?.value != true }
                } else {
                    let inner = try container.nestedContainer(keyedBy: CodingKeys.self, forKey: .content)
                    self.files = try inner.decode([DiskFile].self, forKey: .files)
                }
            } else {
                self.files = try container.decode([DiskFile].self, forKey: .files)
            }
        }
    }

    struct DiskFile: Decodable, Sendable {
        var path: String?
        var name: String?
        var size: WireSize?
        var isDirectory: Lenient<Bool>?

        enum CodingKeys: String, CodingKey {
            case path
            case name
            case size
            case isDirectory = "is_directory"
        }
    }
}
