// SPDX-License-Identifier: Apache-2.0

/// Makes an upstream's name safe to show and to save under.
public enum SafeFilename {
    /// The base name of `name` (both separators count), without control and bidirectional characters.
    ///
    /// `""`, `.` and `..` become `download`; more than 255 bytes are cut before the extension.
    public static func make(from name: String) -> String {
        if Self.isPlain(name) { return name }
        // On scalars: as characters, "/" with a combining mark after it would not be a "/".
        let base = name.unicodeScalars.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last ?? [][...]
        var safe = String.UnicodeScalarView()
        safe.append(contentsOf: base.lazy.filter { !Self.isForbidden($0) })
        let trimmed = String(safe).trimmingSpaces()
        guard !trimmed.isEmpty, trimmed != ".", trimmed != ".." else { return "download" }
        return Self.shorten(trimmed, toBytes: 255)
    }

    /// Whether `name` is safe as it is, as nearly every name.
    private static func isPlain(_ name: String) -> Bool {
        let bytes = name.utf8
        let space = UInt8(ascii: " ")
        guard let first = bytes.first, first != space, bytes.last != space, bytes.count <= 255 else { return false }
        let isVisible = bytes.allSatisfy { byte in
            (space...UInt8(ascii: "~")).contains(byte) && byte != UInt8(ascii: "/") && byte != UInt8(ascii: "\\")
        }
        return isVisible && name != "." && name != ".."
    }

    /// The safe `name` with a number before its extension, as `report (2).pdf`.
    public static func numbered(_ name: String, _ number: Int) -> String {
        let dot = name.lastIndex(of: ".").flatMap { $0 == name.startIndex ? nil : $0 } ?? name.endIndex
        let ending = " (\(number))" + (name[dot...].utf8.count <= 32 ? String(name[dot...]) : "")
        var stem = name[..<dot]
        while stem.utf8.count + ending.utf8.count > 255, !stem.isEmpty { stem.removeLast() }
        return stem + ending
    }

    private static func isForbidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: true
        default: scalar.value == 0xFFFD
        }
    }

    private static func shorten(_ name: String, toBytes limit: Int) -> String {
        guard name.utf8.count > limit else { return name }
        let dot = name.lastIndex(of: ".") ?? name.endIndex
        let ending = name[dot...].utf8.count <= 32 ? String(name[dot...]) : ""
        var stem = ""
        for character in name[..<dot] {
            guard stem.utf8.count + String(character).utf8.count + ending.utf8.count <= limit else { break }
            stem.append(character)
        }
        return stem.isEmpty ? "download" : stem + ending
    }
}

extension String {
    fileprivate func trimmingSpaces() -> String {
        var slice = self[...]
        while slice.first?.isWhitespace == true { slice.removeFirst() }
        while slice.last?.isWhitespace == true { slice.removeLast() }
        return String(slice)
    }
}
