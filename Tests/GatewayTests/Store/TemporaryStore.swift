// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import Synchronization

@testable import Gateway

/// A folder of its own for one test, removed with the value.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        self.path = FileManager.default.temporaryDirectory.path + "/sluice-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }

    func mode(of name: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: self.path + "/" + name)
        return (attributes[.posixPermissions] as? Int ?? -1) & 0o777
    }
}

/// A time that a test moves.
final class TestTime: Sendable {
    private let box = Mutex(Date(timeIntervalSince1970: 1_800_000_000))

    var now: Date { self.box.withLock { $0 } }
    var clock: @Sendable () -> Date { { self.now } }

    func advance(_ seconds: Double) { self.box.withLock { $0 += seconds } }
}

/// A source of numbers that is the same each time.
struct SeededSource: RandomNumberGenerator, Sendable {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var z = self.state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// A real store in a folder of its own, with a key ring over it.
struct StoreFixture {
    let folder: TemporaryFolder
    let store: Store
    let time = TestTime()
    let secret = SymmetricKey(data: Data(repeating: 7, count: 32))

    init() throws {
        self.folder = try TemporaryFolder()
        self.store = try Store(directory: self.folder.path)
    }

    /// The vault over the store, with the secret as the configuration has it.
    func vault() async throws -> Vault {
        try await Vault.open(self.store, configured: Secret(self.secret.text))
    }

    var journal: LogJournal { LogJournal(self.store, masterSecret: self.secret, clock: self.time.clock) }

    func ring(adminKey: String? = nil) -> KeyRing {
        KeyRing(
            store: self.store,
            masterSecret: self.secret,
            adminKey: adminKey.map { .init($0) },
            clock: self.time.clock
        )
    }

    /// As another process sees the same files.
    func otherProcess() throws -> KeyRing {
        let store = try Store(directory: self.folder.path)
        return KeyRing(store: store, masterSecret: self.secret, clock: self.time.clock)
    }
}

extension SymmetricKey {
    /// As a configuration has it.
    var text: String { self.withUnsafeBytes { Data($0) }.base64EncodedString() }
}
