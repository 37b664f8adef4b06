// SPDX-License-Identifier: Apache-2.0

/// The form of `DownloadReference.item`: a letter that says how the upstream knows the file, a colon, and its identity.
///
/// Control characters and `%` are percent-escaped, so that a hostile name is still a well-formed reference.
enum ItemKey {
    /// The item of `identity`, or `nil` where it would be empty or longer than a reference may be.
    static func make(_ prefix: String, _ identity: String) -> String? {
        guard !identity.isEmpty else { return nil }
        var item = prefix + ":"
        for scalar in identity.unicodeScalars {
            if scalar.value < 0x20 || scalar.value == 0x7F || scalar == "%" {
                item += (scalar.value < 16 ? "%0" : "%") + String(scalar.value, radix: 16, uppercase: true)
            } else {
                item.unicodeScalars.append(scalar)
            }
        }
        return item.utf8.count <= 4096 ? item : nil
    }

    /// What ``make(_:_:)`` was given; `nil` for any text that it does not make.
    static func split(_ item: String) -> (prefix: String, identity: String)? {
        // On scalars: as characters, ":" with a combining mark after it would not be a ":".
        let scalars = item.unicodeScalars
        guard let colon = scalars.firstIndex(of: ":") else { return nil }
        let prefix = String(scalars[..<colon])
        guard let identity = self.unescape(Substring(scalars[scalars.index(after: colon)...])),
            self.make(prefix, identity)?.utf8.elementsEqual(item.utf8) == true
        else { return nil }
        return (prefix, identity)
    }

    // Not Foundation's `removingPercentEncoding`, which drops a byte order mark.
    private static func unescape(_ text: Substring) -> String? {
        var rest = text.utf8
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let value = UInt8(Substring(rest.prefix(2)), radix: 16) else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    /// The identity behind `prefix`, or `nil` for an item of another form.
    static func identity(of item: String, prefix: String) -> String? {
        self.split(item).flatMap { $0.prefix == prefix ? $0.identity : nil }
    }
}
