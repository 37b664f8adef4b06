// SPDX-License-Identifier: Apache-2.0

import GRDB

extension Store {
    /// Whether both files can be written now.
    var isWritable: Bool {
        get async {
            do {
                for pool in [self.database, self.logs] {
                    try await pool.writeWithoutTransaction { database in
                        try database.execute(sql: "BEGIN IMMEDIATE; ROLLBACK")
                    }
                }
                return true
            } catch {
                return false
            }
        }
    }
}
