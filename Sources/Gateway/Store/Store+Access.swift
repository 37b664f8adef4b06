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
}
