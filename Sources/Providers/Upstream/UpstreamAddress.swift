// SPDX-License-Identifier: Apache-2.0

import Foundation
import Transfer

/// Where an upstream is asked: its base URL, and the origin that its credential is bound to.
///
/// It cannot be printed: at some upstreams the host name is the permission.
struct UpstreamAddress: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    /// Absolute, without a trailing slash.
    let url: String
    /// The one origin that gets the credential.
    let origin: Origin

    /// Reads a base URL; `nil` where it is not absolute http or https, or has credentials, a query or a fragment.
    init?(_ text: String) {
        var url = text
        while url.hasSuffix("/") { url.removeLast() }
        let isPlain = url.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value < 0x7F }
        guard isPlain, !url.contains(where: { $0 == "?" || $0 == "#" || $0 == "@" || $0 == "\\" }),
            let origin = Origin(of: url)
        else { return nil }
        self.url = url
        self.origin = origin
    }

    var description: String { "<address>" }

    var customMirror: Mirror { Mirror(self, children: []) }

    /// The path part of the base URL: empty, or with a leading slash.
    var path: String {
        guard let scheme = self.url.range(of: "://"), let slash = self.url[scheme.upperBound...].firstIndex(of: "/")
        else {
            return ""
        }
        return String(self.url[slash...])
    }
}
