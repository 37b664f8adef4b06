// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

@testable import Gateway

/// One file of 100,000 bytes, of a provider with ranges or without.
enum RangeFixture {
    static let bytes = Data.pattern(100_000)
    static let plain = Capabilities(listsSessions: true)
    static let ranged = Capabilities(listsSessions: true, ranges: true)

    /// The gateway, its provider, and the path of the file called `name`.
    static func make(
        _ capabilities: Capabilities,
        name: String,
        size: Int64?? = nil
    ) async throws -> (GatewayFixture, FakeProvider, String) {
        let provider = try FakeProvider("alpha", capabilities)
        let download = provider.add(name, bytes: Self.bytes, size: size)
        let fixture = try await GatewayFixture([provider])
        return (fixture, provider, fixture.path(of: download))
    }
}
