// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A condition that was waited for did not come.
struct NeverHappened: Error {
    let what: String
}

/// Waits for a condition, with a bound that only a broken program reaches.
func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    for _ in 0..<3000 {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    throw NeverHappened(what: what)
}

/// The folder of the package.
let packageFolder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

/// Runs `body` with an empty folder of its own, and removes that.
func withTemporaryFolder<Result>(_ body: (URL) async throws -> Result) async throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await body(folder)
}

/// All tests of the whole, one after the other: each is a gateway and six vendors on two cores.
@Suite(.serialized) enum EndToEnd {}

extension String {
    /// Whether a text occurs; by bytes, since the log of a test has megabytes.
    func holds(_ text: String) -> Bool { strstr(self, text) != nil }
}
