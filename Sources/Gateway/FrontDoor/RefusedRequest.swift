// SPDX-License-Identifier: Apache-2.0

/// A request of HTTP/1 that is refused before anything but the connection saw it, and what its sender is told.
struct RefusedRequest: Error {
    let problem: Problem
}
