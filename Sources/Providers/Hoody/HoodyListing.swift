// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// Merges what the server says of one folder: its files, the transfers that run into it, and those that have ended.
///
/// A completed transfer and the file that it brought are one download, under the transfer's id, so that a download keeps its
/// id from the first byte on.
struct HoodyListing: Sendable {
    let provider: ProviderID
    let folder: HoodyPath
    /// `nil` where the server could not list them.
    let entries: [HoodyAPI.Entry]?
    let active: [HoodyAPI.Transfer]
    let history: [HoodyAPI.Transfer]
    let words: UpstreamWords

    /// Every download in the folder, each once.
    var downloads: [Download] {
        let files = self.files
        let transfers = self.transfers
        let completed = Self.newestByPath(transfers.filter { $0.state == .completed })
        let listed = transfers.compactMap { transfer -> Download? in
            guard let path = transfer.path else { return nil }
            guard transfer.state == .completed else { return self.download(transfer, size: nil) }
            // The file is gone, or a later transfer brought the one that is there now.
            guard completed[path]?.id == transfer.id, self.entries == nil || files[path] != nil else { return nil }
            return self.download(transfer, size: files[path]?.size?.bytes)
        }
        // A running transfer's file is its beginning, no download of its own.
        let running = transfers.filter { $0.state == .queued || $0.state == .downloading }.compactMap(\.path)
        let taken = Set(completed.keys).union(running)
        let rest = files.filter { !taken.contains($0.key) }.sorted { $0.key.text < $1.key.text }
        return listed + rest.compactMap { self.download($0.value) }
    }

    /// A file that no known transfer brought.
    func download(_ entry: HoodyAPI.Entry) -> Download? {
        self.file(named: entry.name, size: entry.size?.bytes, modified: entry.modified?.date)
    }

    /// The same from what the server knows of one file.
    func download(_ stat: HoodyAPI.Stat, name: String) -> Download? {
        self.file(named: name, size: stat.size?.bytes, modified: stat.mtime?.date)
    }

    /// A transfer; `size` is that of its file, where that is known better.
    func download(_ transfer: HoodyAPI.Transfer, size: Int64?) -> Download? {
        guard let id = transfer.id, let key = ItemKey.make("t", id), let path = transfer.path, !path.name.isEmpty else {
            return nil
        }
        let state = transfer.state
        let isRunning = state == .downloading
        let received = transfer.receivedBytes ?? 0
        return Download(
            reference: DownloadReference(provider: self.provider, session: path.parent.session, item: key),
            name: path.name,
            size: size ?? transfer.totalBytes,
            status: state,
            createdAt: transfer.startedAt,
            completedAt: state == .completed ? transfer.endedAt : nil,
            sourceURL: transfer.url,
            progress: isRunning
                ? DownloadProgress(receivedBytes: received, totalBytes: transfer.totalBytes, percent: transfer.percent)
                : nil,
            failure: transfer.failure(self.words.clean),
            native: [String: JSONValue](known: [
                ("id", .string(id)),
                ("name", .string(transfer.filename ?? path.name)),
                ("path", .string(path.text)),
                ("status", transfer.status.map { .string($0) }),
            ])
        )
    }

    private func file(named name: String, size: Int64?, modified: Date?) -> Download? {
        guard let path = self.folder.child(name), let key = ItemKey.make("p", name) else { return nil }
        // The list counts in seconds and `stat` in milliseconds: one file has one time.
        let time = modified.map { Date(timeIntervalSince1970: $0.timeIntervalSince1970.rounded(.down)) }
        return Download(
            reference: DownloadReference(provider: self.provider, session: self.folder.session, item: key),
            name: name,
            size: size,
            createdAt: time,
            native: ["id": .string(path.text), "name": .string(name), "path": .string(path.text)],
            revision: Download.revisionOfName(size: size, time: time)
        )
    }

    private var files: [HoodyPath: HoodyAPI.Entry] {
        let files = (self.entries ?? []).filter { $0.isDirectory?.value != true }
        let pairs = files.compactMap { entry in self.folder.child(entry.name).map { ($0, entry) } }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }

    /// The folder's transfers, each once; what the history says of one is later than what the active list said.
    private var transfers: [HoodyAPI.Transfer] {
        var seen: Set<String> = []
        return (self.history + self.active).filter { transfer in
            guard let id = transfer.id, let path = transfer.path, path.parent == self.folder else { return false }
            return seen.insert(id).inserted
        }
    }

    private static func newestByPath(_ transfers: [HoodyAPI.Transfer]) -> [HoodyPath: HoodyAPI.Transfer] {
        let pairs = transfers.compactMap { transfer in transfer.path.map { ($0, transfer) } }
        return Dictionary(pairs) { first, second in
            let (firstEnd, secondEnd) = (first.endedAt ?? first.startedAt, second.endedAt ?? second.startedAt)
            return (secondEnd ?? .distantPast) > (firstEnd ?? .distantPast) ? second : first
        }
    }
}
