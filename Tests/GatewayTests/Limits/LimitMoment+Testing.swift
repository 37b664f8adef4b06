// SPDX-License-Identifier: Apache-2.0

import Foundation

@testable import Gateway

extension LimitMoment {
    /// 08:00 UTC of some day.
    static var start: LimitMoment {
        LimitMoment(instant: .now, date: Date(timeIntervalSince1970: 1_800_000_000))
    }

    /// The moment after so much time on both clocks.
    func advanced(by time: Duration) -> LimitMoment {
        let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
        return LimitMoment(instant: self.instant.advanced(by: time), date: self.date.addingTimeInterval(seconds))
    }
}
