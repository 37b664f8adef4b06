// SPDX-License-Identifier: Apache-2.0

/// A path on the file server, without leading and trailing slashes; `""` is the top folder.
struct HoodyPath: Hashable, Sendable {
    /// The path as text.
    let text: String

    /// The top folder.
    static let root = HoodyPath()

    private init(text: String = "") { self.text = text }

    /// Reads a path; `nil` for one that no session could be: with dot segments, empty parts or control characters.
    init?(_ path: String) {
        // On scalars: as characters, "/" with a combining mark after it would not be a "/".
        var rest = path.unicodeScalars[...]
        while rest.first == "/" { rest.removeFirst() }
        while rest.last == "/" { rest.removeLast() }
        let isClean = rest.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
        let parts = rest.split(separator: "/", omittingEmptySubsequences: false).map { String($0) }
        guard isClean, rest.isEmpty || parts.allSatisfy(Self.isName) else { return nil }
        self.text = String(rest)
    }

    /// A file or folder directly in this folder, also with a name that holds control characters; `nil` for a name that is none.
    func child(_ name: String) -> HoodyPath? {
        guard Self.isName(name) else { return nil }
        return HoodyPath(text: self.text.isEmpty ? name : "\(self.text)/\(name)")
    }

    /// Whether a file system can have the name; only its server decides on control characters other than NUL.
    private static func isName(_ part: String) -> Bool {
        !part.isEmpty && part != "." && part != ".." && !part.unicodeScalars.contains { $0 == "/" || $0.value == 0 }
    }

    /// The folder that it is in.
    var parent: HoodyPath {
        let scalars = self.text.unicodeScalars
        return scalars.lastIndex(of: "/").flatMap { HoodyPath(String(scalars[..<$0])) } ?? .root
    }

    /// The last part.
    var name: String { self.text.unicodeScalars.split(separator: "/").last.map { String($0) } ?? "" }

    /// How the contract names this folder: the top folder is no session.
    var session: String? { self.text.isEmpty ? nil : self.text }
}
