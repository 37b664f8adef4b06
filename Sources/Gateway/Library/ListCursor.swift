// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation

/// Where a list goes on: after a position, in one order, for one question.
struct ListCursor: Sendable, Hashable {
    let position: SortOrder.Position
}

/// Makes and reads the opaque text of cursors, bound to the question that they belong to.
struct ListCursorCoder: Sendable {
    private let key: SymmetricKey
    private static let tagBytes = 16

    init(secret: SymmetricKey) {
        self.key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: secret,
            info: Data("sluice list cursor v1".utf8),
            outputByteCount: 32
        )
    }

    /// The cursor's text for `request`.
    func text(of cursor: ListCursor, for request: ListRequest) -> String {
        let body = (try? JSONEncoder().encode(cursor.position)) ?? Data()
        return Base64URL.encode(self.tag(of: body, for: request) + body)
    }

    /// Reads a text; `nil` for one that was made by another gateway, or for another question or order.
    func cursor(in text: String, for request: ListRequest) -> ListCursor? {
        guard text.utf8.count <= 4096, let data = Base64URL.decode(text.utf8), data.count > Self.tagBytes else {
            return nil
        }
        let body = Data(data.dropFirst(Self.tagBytes))
        let expected = self.tag(of: body, for: request)
        let difference = zip(expected, data.prefix(Self.tagBytes)).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) }
        guard difference == 0, let position = try? JSONDecoder().decode(SortOrder.Position.self, from: body) else {
            return nil
        }
        return ListCursor(position: position)
    }

    private func tag(of body: Data, for request: ListRequest) -> Data {
        var authenticator = HMAC<SHA256>(key: self.key)
        authenticator.update(data: Data(Self.question(request).utf8))
        authenticator.update(data: body)
        return Data(authenticator.finalize()).prefix(Self.tagBytes)
    }

    private static func question(_ request: ListRequest) -> String {
        let filter = request.filter
        let fields: [String?] = [
            request.providers?.map(\.name).sorted().joined(separator: ","), request.session, request.sort.text,
            filter.filename, filter.nameContains, filter.mimeType, filter.minSize.map(String.init),
            filter.maxSize.map(String.init), filter.createdAfter.map(RFC3339.format),
            filter.createdBefore.map(RFC3339.format), filter.statuses.map(\.rawValue).sorted().joined(separator: ","),
        ]
        return fields.map { $0.map { "\($0.utf8.count):\($0)" } ?? "-" }.joined(separator: ",")
    }
}
