// SPDX-License-Identifier: Apache-2.0

import Foundation

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
        guard let colon = item.firstIndex(of: ":") else { return nil }
        let prefix = String(item[..<colon])
        guard let identity = String(item[item.index(after: colon)...]).removingPercentEncoding,
            self.make(prefix, identity) == item
        else { return nil }
        return (prefix, identity)
    }

    /// The identity behind `prefix`, or `nil` for an item of another form.
    static func identity(of item: String, prefix: String) -> String? {
        self.split(item).flatMap { $0.prefix == prefix ? $0.identity : nil }
    }
}
