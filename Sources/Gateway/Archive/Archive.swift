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
    /// The members that lie in one container which was asked for as a whole: its upstream may have an archive of them.
    let containers: [[Member]]
    /// What is missing before the first file is opened.
    let missing: [MissingItem]
    let onError: OnError

    init(
        _ files: [ListedDownload],
        usesFolders: Bool,
        asksContainers: Bool = false,
        missing: [MissingItem],
        onError: OnError
    ) {
        let reserved = onError == .report ? [MissingReport.path] : []
        let downloads = files.map(\.download)
        let paths = MemberPaths.paths(of: downloads, usesFolders: usesFolders, reserved: reserved)
        let members = zip(files, paths).map { Member(listed: $0, path: $1) }
        self.members = members
        self.containers = asksContainers ? Self.containers(of: members) : []
        self.missing = missing
        self.onError = onError
    }

    /// The bytes of the whole, where all sizes are known and nothing may be left out.
    var length: Int64? {
        guard self.onError == .breaks, let length = ZipWriter.length(of: self.members.map(\.zipMember)) else {
            return nil
        }
        // In an upstream's own order, which is not known yet, other members may lie beyond what 32 bits can say.
        return self.containers.isEmpty || length < ZipWriter.wide ? length : nil
    }

    /// The members by container, in the order of their first ones; single ones are none.
    private static func containers(of members: [Member]) -> [[Member]] {
        struct Container: Hashable {
            let provider: ProviderID
            let session: String?
        }
        var order: [Container] = []
        var found: [Container: [Member]] = [:]
        for member in members {
            let reference = member.listed.download.reference
            let container = Container(provider: reference.provider, session: reference.session)
            if found[container] == nil { order.append(container) }
            found[container, default: []].append(member)
        }
        return order.compactMap { found[$0] }.filter { $0.count > 1 }
    }
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
