// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// Waiting that gives up.
enum Deadline {
    /// Returns when `work` has ended, when `seconds` have passed, or when the waiting task is cancelled; never ends `work`.
    static func wait(for work: Task<Void, Never>, seconds: Double) async {
        let (signal, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let watch = Task {
            await work.value
            continuation.finish()
        }
        let timer = Task {
            try? await Task.sleep(for: .seconds(seconds))
            continuation.finish()
        }
        for await _ in signal {}
        timer.cancel()
        watch.cancel()
    }
}
