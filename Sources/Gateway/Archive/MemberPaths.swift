// SPDX-License-Identifier: Apache-2.0

import Downloads

/// Gives each file of an archive a path of its own, one that does no harm wherever it is unpacked.
///
/// A path is relative and has no dot segments; no part of it means anything but a name on Linux, macOS or Windows; no two are
/// the same where letter case or the form of accents does not count, and none is both a file and a folder.
struct MemberPaths {
    private static let deepest = 16
    private static let devices: Set<String> = {
        let numbered = ["COM", "LPT"].flatMap { name in (0...9).map { "\(name)\($0)" } }
        return Set(["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"] + numbered)
    }()

    /// Paths that are given already, and folders, in lower case; text is compared by its meaning, not by its bytes.
    private var taken: Set<String>
    /// Which number the next file of a name gets.
    private var numbers: [String: Int] = [:]

    private init(taken: Set<String>) { self.taken = taken }

    /// The paths of these files, in their order; `reserved` are not given to any.
    ///
    /// In folders by provider and session where `usesFolders`, else side by side.
    static func paths(of downloads: [Download], usesFolders: Bool, reserved: [String] = []) -> [String] {
        let folders = downloads.map { usesFolders ? Self.folders(of: $0.reference) : [] }
        var taken = Set(reserved.map { $0.lowercased() })
        for path in Set(folders) {
            for depth in path.indices { taken.insert(path[...depth].joined(separator: "/").lowercased()) }
        }
        var paths = MemberPaths(taken: taken)
        return zip(downloads, folders).map { paths.path(for: Self.portable($0.filename), in: $1) }
    }

    private mutating func path(for name: String, in folders: [String]) -> String {
        let prefix = folders.map { $0 + "/" }.joined()
        let key = (prefix + name).lowercased()
        var path = prefix + name
        var number = self.numbers[key] ?? 1
        // The number of a name only grows, so that ten thousand of one name are not tried each from the first on.
        while !self.taken.insert(path.lowercased()).inserted {
            number += 1
            path = prefix + SafeFilename.numbered(name, number)
        }
        self.numbers[key] = number
        return path
    }

    private static func folders(of reference: DownloadReference) -> [String] {
        let session = reference.session ?? ""
        let parts = session.unicodeScalars.split { $0 == "/" || $0 == "\\" }.suffix(Self.deepest)
        return [reference.provider.name] + parts.map { Self.portable(SafeFilename.make(from: String($0))) }
    }

    /// A safe name without what Windows reads as a drive, a stream or a device, or leaves out.
    private static func portable(_ name: String) -> String {
        var safe = String(
            String.UnicodeScalarView(name.unicodeScalars.map { "<>:\"|?*".unicodeScalars.contains($0) ? "_" : $0 })
        )
        if safe.hasSuffix(".") { safe = safe.dropLast() + "_" }
        let stem = safe.prefix { $0 != "." }.trimmingBlanks().uppercased()
        return Self.devices.contains(stem) ? SafeFilename.make(from: "_" + safe) : safe
    }
}
