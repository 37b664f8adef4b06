// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import HummingbirdCore
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

extension Response {
    /// An answer that is a value as JSON.
    static func json(_ value: some Encodable, cacheControl: String) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: MediaType.json, .cacheControl: cacheControl],
            body: ResponseBody(byteBuffer: JSONText.encode(value))
        )
    }
}
