// SPDX-License-Identifier: Apache-2.0

extension Caller {
    /// The sessions that the caller is narrowed to, where they are all named and none is a pattern; else `nil`.
    ///
    /// They can be asked for directly, however old they are.
    var namedSessions: [String]? {
        guard let sessions, sessions.allSatisfy({ !$0.pattern.contains("*") && !$0.pattern.contains("?") }) else {
            return nil
        }
        return sessions.map(\.pattern)
    }
}
