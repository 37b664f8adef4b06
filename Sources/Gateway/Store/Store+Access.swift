// SPDX-License-Identifier: Apache-2.0

import GRDB

extension Store {
    /// Reads from `sluice.sqlite` at one moment of it.
    ///
    /// A cancelled task reads nothing and fails.
    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws(StoreError) -> Value
    {
        do {
            return try await self.database.read(body)
        } catch {
            throw StoreError(error, path: self.database.path)
        }
    }

    /// Writes to `sluice.sqlite`, all or nothing.
    ///
    /// A cancelled task writes nothing and fails.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        do {
            return try await self.database.write(body)
        } catch {
            throw StoreError(error, path: self.database.path)
        }
    }

    /// Writes to `sluice.sqlite`, all or nothing, and returns once it would survive a loss of power.
    ///
    /// For what is not made again: each such write waits for the disk. Throws what `body` throws, and ``StoreError``.
    func writeDurably<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws -> Value {
        do {
            return try await self.database.writeWithoutTransaction { database in
                // Only outside of a transaction can it be changed; the connection is everybody's, so it is set back.
                try database.execute(sql: "PRAGMA synchronous = FULL")
                defer { try? database.execute(sql: "PRAGMA synchronous = NORMAL") }
                var result: Result<Value, any Error>?
                try database.inTransaction(.immediate) {
                    result = .success(try body(database))
                    return .commit
                }
                guard let result else { throw StoreError.failed("nothing was done") }
                return try result.get()
            }
        } catch let error as DatabaseError {
            throw StoreError(error, path: self.database.path)
        } catch is CancellationError {
            throw StoreError(CancellationError(), path: self.database.path)
        }
    }
}
