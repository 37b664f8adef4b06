// SPDX-License-Identifier: Apache-2.0

import Downloads

/// Walks through all folders of one source, page by page, within bounds.
struct VagonFolderWalk: Sendable {
    /// A file with the folder that it is in.
    struct Found: Sendable {
        var file: VagonAPI.Entity<VagonAPI.File>
        /// Folder names from the top, with `/` between; empty at the top.
        var folder: String
    }

    let api: VagonAPI
    let source: VagonAPI.Source

    private static let deepest = 16
    private static let mostCalls = 500
    private static let mostFiles = 10_000

    private struct Folder {
        var id: String?
        var path: String
        var depth: Int
    }

    /// Gives each page's files to `visit`, until it answers `false` or there are no more.
    ///
    /// Throws `malformedResponse` beyond its bounds: a list that ends there would silently be incomplete.
    func visitFiles(_ visit: ([Found]) -> Bool) async throws(ProviderError) {
        var folders = [Folder(id: nil, path: "", depth: 0)]
        // A folder that contains itself would be walked for ever.
        var seen: Set<String> = []
        var calls = 0
        var files = 0
        while let folder = folders.popLast() {
            var page: Int? = 1
            while let number = page {
                calls += 1
                guard calls <= Self.mostCalls, folder.depth <= Self.deepest, files <= Self.mostFiles else {
                    throw Self.tooMuch
                }
                let answer = try await self.api.files(self.source, parent: folder.id, page: number)
                let found = answer.files.filter { !$0.attributes.isDirectory }.map {
                    Found(file: $0, folder: folder.path)
                }
                files += found.count
                guard visit(found) else { return }
                for child in answer.files where child.attributes.isDirectory && seen.insert(child.id.text).inserted {
                    folders.append(Self.folder(child, in: folder))
                }
                page = Self.next(after: number, answer)
            }
        }
    }

    /// All files.
    func files() async throws(ProviderError) -> [Found] {
        var all: [Found] = []
        try await self.visitFiles { found in
            all += found
            return true
        }
        return all
    }

    private static func folder(_ child: VagonAPI.Entity<VagonAPI.File>, in parent: Folder) -> Folder {
        let name = child.attributes.name ?? child.attributes.fileName ?? child.id.text
        let path = parent.path.isEmpty ? name : "\(parent.path)/\(name)"
        return Folder(id: child.id.text, path: path, depth: parent.depth + 1)
    }

    /// A next page that does not lie ahead, or after an empty page, would be asked for ever.
    private static func next(after page: Int, _ answer: VagonAPI.FilePage) -> Int? {
        guard let next = answer.nextPage?.value?.number, next > page, !answer.files.isEmpty else { return nil }
        return next
    }

    private static var tooMuch: ProviderError {
        ProviderError(
            .malformedResponse,
            message: "Vagon's folders hold more than \(self.mostFiles) files or \(self.deepest) levels."
        )
    }
}
