// SPDX-License-Identifier: Apache-2.0

/// A path on the file server, without leading and trailing slashes; `""` is the top folder.
struct HoodyPath: Hashable, Sendable {
    /// The path as text.
    let text: String

    /// The top folder.
    static let root = HoodyPath()

    private init() { self.text = "" }

    /// Reads a path; `nil` for one that could not be asked for: with dot segments, empty parts or control characters.
    init?(_ path: String) {
        var rest = path[...]
        while rest.first == "/" { rest.removeFirst() }
        while rest.last == "/" { rest.removeLast() }
        let isClean = rest.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
        let parts = rest.split(separator: "/", omittingEmptySubsequences: false)
        guard isClean, rest.isEmpty || parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else { return nil }
        self.text = String(rest)
    }

    /// A file or folder directly in this folder; `nil` for a name that is none.
    func child(_ name: String) -> HoodyPath? {
        guard !name.isEmpty, !name.contains("/") else { return nil }
        return HoodyPath(self.text.isEmpty ? name : "\(self.text)/\(name)")
    }

    /// The folder that it is in.
    var parent: HoodyPath {
        self.text.lastIndex(of: "/").flatMap { HoodyPath(String(self.text[..<$0])) } ?? .root
    }

    /// The last part.
    var name: String { self.text.split(separator: "/").last.map(String.init) ?? "" }

    /// How the contract names this folder: the top folder is no session.
    var session: String? { self.text.isEmpty ? nil : self.text }
}
