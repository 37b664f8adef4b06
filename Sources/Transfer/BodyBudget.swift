// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What the bodies of a client's transfers take, over all of its threads.
final class BodyBudget: Sendable {
    /// How many transfers are open.
    let transfers = Atomic(0)
    /// Bytes that the readers may have at most: in hand and waiting for them.
    let held = Atomic(0)
    /// What libcurl's own buffers add up to, one for each open transfer, from its beginning to its end.
    let reading = Atomic(0)
    /// Bytes of bodies that libcurl handed out so far.
    let received = Atomic<UInt64>(0)
}
