// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore

/// Our JSON: UTF-8, members in alphabetical order so that the same value is the same text, times as RFC 3339.
enum JSONText {
    static func encode(_ value: some Encodable) -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // The values are ours and hold no NaN; a failure here would be a fault of the type, found by its first test.
        let data = (try? encoder.encode(value)) ?? Data("{}".utf8)
        return ByteBuffer(bytes: data)
    }
}
