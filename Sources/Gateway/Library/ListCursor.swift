// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation

/// Where a list goes on: after a position, in one order, for one question.
struct ListCursor: Sendable, Hashable {
    let position: SortOrder.Position
}

/// Makes and reads the text of a list's cursors.
struct ListCursorCoder: Sendable {
    private let seal: CursorSeal

    init(secret: SymmetricKey) { self.seal = CursorSeal(secret: secret, purpose: "list") }

    /// The cursor's text for `request`.
    func text(of cursor: ListCursor, for request: ListRequest) -> String {
        let body = (try? JSONEncoder().encode(cursor.position)) ?? Data()
        return self.seal.text(of: body, for: Self.question(request))
    }

    /// Reads a text; `nil` for one that was made by another gateway, or for another question or order.
    func cursor(in text: String, for request: ListRequest) -> ListCursor? {
        let body = self.seal.body(in: text, for: Self.question(request))
        let position = body.flatMap { try? JSONDecoder().decode(SortOrder.Position.self, from: $0) }
        return position.map(ListCursor.init)
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
