// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import GRDB

/// The hashes that chain the log's entries: HMAC-SHA-256 under a key that is not in the database.
///
/// Each is over the hash before and all columns of its row, so that nobody without the key can change, drop, add or
/// reorder rows and make the rest fit.
struct LogChain: Sendable {
    /// Has taken in the key, and is copied for each entry.
    private let authenticator: HMAC<SHA256>

    init(masterSecret: SymmetricKey) {
        self.authenticator = HMAC<SHA256>(key: MasterSecret.derive(masterSecret, for: "log chain v1"))
    }

    /// What the first entry follows.
    var origin: Data { self.authenticate("origin", []) }

    /// The hash of an entry, by the values of ``LogRecord/columns``, after one with the hash `previous`.
    func hash(of values: some Sequence<DatabaseValue>, after previous: Data) -> Data {
        self.authenticate("entry", CollectionOfOne(previous.databaseValue) + Array(values))
    }

    /// What proves the row of `log_chain`.
    func seal(of values: [DatabaseValue]) -> Data { self.authenticate("record", values) }

    private func authenticate(_ purpose: String, _ values: some Sequence<DatabaseValue>) -> Data {
        var message: [UInt8] = []
        message.reserveCapacity(512)
        Self.encode(purpose.databaseValue, into: &message)
        for value in values { Self.encode(value, into: &message) }
        var authenticator = self.authenticator
        authenticator.update(data: message)
        return Data(authenticator.finalize())
    }

    /// Every value has one form, which begins with its type and, where it varies, its length: no two rows look the same.
    private static func encode(_ value: DatabaseValue, into message: inout [UInt8]) {
        func append(_ type: UInt8, _ number: UInt64) {
            message.append(type)
            withUnsafeBytes(of: number.bigEndian) { message.append(contentsOf: $0) }
        }
        switch value.storage {
        case .null: message.append(0)
        case .int64(let number): append(1, UInt64(bitPattern: number))
        case .double(let number): append(2, number.bitPattern)
        case .string(var text):
            text.withUTF8 { text in
                // As SQLite stores it: a text ends where it holds a zero byte.
                let bytes = text.prefix { $0 != 0 }
                append(3, UInt64(bytes.count))
                message.append(contentsOf: bytes)
            }
        case .blob(let bytes):
            append(4, UInt64(bytes.count))
            message.append(contentsOf: bytes)
        }
    }
}
