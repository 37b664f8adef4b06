// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Whether the storage folder can be used; nothing is made or changed to find out.
struct StorageTest: Encodable {
    let path: String
    /// `ok` or `failed`.
    let state: String
    let message: String
    /// What is left on its disk, where that is known.
    let freeBytes: Int64?

    /// Looks at the folder, or, where it is yet to be made, at the one that it will stand in.
    static func run(_ path: String) -> StorageTest {
        let files = FileManager.default
        var folder = URL(fileURLWithPath: path)
        while !files.fileExists(atPath: folder.path), folder.pathComponents.count > 1 {
            folder.deleteLastPathComponent()
        }
        let attributes = try? files.attributesOfFileSystem(forPath: folder.path)
        let free = (attributes?[.systemFreeSize] as? NSNumber)?.int64Value
        var isFolder: ObjCBool = false
        guard files.fileExists(atPath: folder.path, isDirectory: &isFolder), isFolder.boolValue else {
            return StorageTest(path: path, state: "failed", message: "\(folder.path) is no folder", freeBytes: free)
        }
        guard files.isWritableFile(atPath: folder.path) else {
            return StorageTest(
                path: path,
                state: "failed",
                message: "\(folder.path) cannot be written",
                freeBytes: free
            )
        }
        let isThere = files.fileExists(atPath: path + "/sluice.sqlite")
        let space = free.map { ", \($0 / 1_000_000) MB free" } ?? ""
        let message = (isThere ? "a store" : "no store yet") + space
        return StorageTest(path: path, state: "ok", message: message, freeBytes: free)
    }
}
