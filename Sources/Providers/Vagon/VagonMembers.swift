// SPDX-License-Identifier: Apache-2.0

import Downloads

/// Which of the files that were asked for is which in the zip that Vagon made of them.
///
/// How it calls them there is not documented. So a file counts as found where the last part of a path is its name, no other
/// file of that name was asked for, and the size is the listed one.
struct VagonMembers: Sendable {
    /// By name; `nil` where several have it.
    private let downloads: [String: Download?]

    init(_ downloads: [Download]) {
        self.downloads = Dictionary(downloads.map { ($0.name, $0 as Download?) }, uniquingKeysWith: { _, _ in nil })
    }

    func reference(of file: ZipFile) -> DownloadReference? {
        let name = file.name.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init)
        guard let name, let known = self.downloads[name], let download = known else { return nil }
        if let listed = download.size, let size = file.size, listed != size { return nil }
        return download.reference
    }
}
