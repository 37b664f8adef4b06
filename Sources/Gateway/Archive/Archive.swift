// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore

/// Files that are to be sent as one zip, and what is known to be missing from it.
struct Archive: Sendable {
    /// A file, and its place in the archive.
    struct Member: Sendable {
        let listed: ListedDownload
        let path: String

        var zipMember: ZipMember {
            let download = self.listed.download
            return ZipMember(
                path: path,
                size: download.size,
                modifiedAt: download.completedAt ?? download.createdAt
            )
        }
    }

    /// What becomes of an archive that a file is missing from.
    enum OnError: Sendable {
        /// It breaks.
        case breaks
        /// The file is left out, and a last member lists it.
        case report
    }

    let members: [Member]
    /// What is missing before the first file is opened.
    let missing: [MissingItem]
    let onError: OnError

    init(_ files: [ListedDownload], usesFolders: Bool, missing: [MissingItem], onError: OnError) {
        let reserved = onError == .report ? [MissingReport.path] : []
        let downloads = files.map(\.download)
        let paths = MemberPaths.paths(of: downloads, usesFolders: usesFolders, reserved: reserved)
        self.members = zip(files, paths).map { Member(listed: $0, path: $1) }
        self.missing = missing
        self.onError = onError
    }

    /// The bytes of the whole, where all sizes are known and nothing may be left out.
    var length: Int64? { self.onError == .report ? nil : ZipWriter.length(of: self.members.map(\.zipMember)) }
}

/// Why there is no archive.
enum ArchiveRefusal: Error {
    /// Nothing matches.
    case nothing
    /// It would not hold all that matches, because of these sources.
    case incomplete([SourceReport])
    /// So many files match.
    case tooManyFiles(Int)
    /// They have more bytes than an archive may.
    case tooManyBytes
}
