// SPDX-License-Identifier: Apache-2.0

import Testing

/// One thing that every provider must do: a plain function that throws where a provider does not.
///
/// Plain, so that the same check can be held against providers that lie, which it must refuse.
struct ConformanceCheck: Sendable {
    let name: String
    /// Whether the provider gives up on silence soon.
    var isImpatient = false
    /// Whether the check is about something that a provider of this kind has.
    var applies: @Sendable (ProviderHarness) -> Bool = { _ in true }
    let run: @Sendable (ConformanceBench) async throws -> Void

    init(
        _ name: String,
        isImpatient: Bool = false,
        where applies: @escaping @Sendable (ProviderHarness) -> Bool = { _ in true },
        _ run: @escaping @Sendable (ConformanceBench) async throws -> Void
    ) {
        self.name = name
        self.isImpatient = isImpatient
        self.applies = applies
        self.run = run
    }

    /// Every check, by name.
    static let all: [ConformanceCheck] =
        ListingChecks.all + NameChecks.all + SessionChecks.all + MetadataChecks.all + ReadingChecks.all
        + RangeChecks.all
        + StatusChecks.all + AnswerChecks.all + ConnectionChecks.all + CancellationChecks.all + OptionalChecks.all
        + SecretChecks.all + PoolChecks.all + UploadChecks.all
}

/// A check for one provider.
struct ConformanceCase: Sendable, CustomTestStringConvertible {
    let harness: ProviderHarness
    let check: ConformanceCheck

    var testDescription: String { "\(self.harness.name): \(self.check.name)" }

    static func all(_ checks: [ConformanceCheck]) -> [ConformanceCase] {
        ProviderHarness.all.flatMap { harness in
            checks.filter { $0.applies(harness) }.map { ConformanceCase(harness: harness, check: $0) }
        }
    }
}

/// What a provider did that it must not.
struct ConformanceFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Throws ``ConformanceFailure`` where `condition` does not hold.
func require(_ condition: Bool, _ otherwise: @autoclosure () -> String) throws {
    guard condition else { throw ConformanceFailure(otherwise()) }
}

/// Throws ``ConformanceFailure`` where two values differ.
func requireEqual<Value: Equatable>(_ found: Value, _ wanted: Value, _ what: String) throws {
    guard found == wanted else { throw ConformanceFailure("\(what): \(found) instead of \(wanted)") }
}

/// Waits until `condition` holds; throws ``ConformanceFailure`` where it does not within ten seconds.
func eventually(_ what: String, _ condition: () async -> Bool) async throws {
    for _ in 0..<2000 {
        if await condition() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    throw ConformanceFailure("never happened: \(what)")
}
