// SPDX-License-Identifier: Apache-2.0

import Foundation

extension Date {
    /// Milliseconds since 1970, as all tables hold times; far dates are cut to the years 1 and 9999.
    var milliseconds: Int64 {
        Int64((min(max(self.timeIntervalSince1970, -62_135_596_800), 253_402_300_799) * 1000).rounded())
    }

    /// The time of a column; `nil` for `NULL`.
    init?(milliseconds: Int64?) {
        guard let milliseconds else { return nil }
        self.init(timeIntervalSince1970: Double(milliseconds) / 1000)
    }
}
