// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

extension [Session] {
    /// The newest `limit` of them, newest first, those without a time last; each id once.
    func newest(_ limit: Int) -> [Session] {
        var seen: Set<String> = []
        let sorted = self.sorted { left, right in
            let (leftTime, rightTime) = (left.createdAt ?? .distantPast, right.createdAt ?? .distantPast)
            return leftTime == rightTime ? left.id < right.id : leftTime > rightTime
        }
        return Array(sorted.filter { !$0.id.isEmpty && seen.insert($0.id).inserted }.prefix(Swift.max(0, limit)))
    }
}

extension PageToken {
    /// Where an upstream that counts items goes on.
    init(offset: Int) { self.init(String(offset)) }

    /// The count in a token that ``init(offset:)`` made; throws `invalidRequest` for any other.
    static func offset(_ token: PageToken?) throws(ProviderError) -> Int {
        guard let token else { return 0 }
        guard let offset = Int(token.value), offset > 0 else {
            throw ProviderError(.invalidRequest, message: "The page is not one of this provider.")
        }
        return offset
    }

    /// The token after a page of `count` items at `offset`; `nil` at the end.
    ///
    /// Without a `total` a full page is taken for a sign of more. An empty page always ends the list.
    static func next(after count: Int, at offset: Int, total: Int?, limit: Int) -> PageToken? {
        let (end, overflows) = offset.addingReportingOverflow(count)
        guard count > 0, !overflows, total.map({ end < $0 }) ?? (count >= limit) else { return nil }
        return PageToken(offset: end)
    }
}
