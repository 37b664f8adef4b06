// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOConcurrencyHelpers
import NIOCore

/// The JSON of downloads, kept as long as they do not change: most answers are about the same few.
final class DownloadTexts: Sendable {
    private struct Text: Sendable {
        let download: Download
        let json: ByteBuffer
    }

    /// What stands in front of the paths in `links`: the public URL, or nothing.
    let linkBase: String
    private let known = NIOLockedValueBox(GenerationCache<String, Text>(capacity: 1000))

    init(linkBase: String) { self.linkBase = linkBase }

    func representation(of listed: ListedDownload) -> DownloadRepresentation {
        DownloadRepresentation(id: listed.id, download: listed.download, linkBase: self.linkBase)
    }

    func json(of listed: ListedDownload) -> ByteBuffer {
        // Equal in every field, so that nothing has to be told that a download changed.
        if let text = self.known.withLockedValue({ $0[listed.id] }), text.download == listed.download {
            return text.json
        }
        let json = JSONText.encode(self.representation(of: listed))
        self.known.withLockedValue { $0[listed.id] = Text(download: listed.download, json: json) }
        return json
    }
}
