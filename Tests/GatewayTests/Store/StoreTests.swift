// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import Testing

@testable import Gateway

@Suite struct StoreTests {
    @Test func makesFolderAndFilesForItsOwnerOnly() throws {
        let folder = try TemporaryFolder()
        let store = try Store(directory: folder.path + "/a/b")
        #expect(try folder.mode(of: "a") == 0o700)
        #expect(try folder.mode(of: "a/b") == 0o700)
        for name in ["sluice.sqlite", "sluice.sqlite-wal", "sluice.sqlite-shm", "logs.sqlite", "logs.sqlite-wal"] {
            #expect(try folder.mode(of: "a/b/" + name) == 0o600, "\(name)")
        }
        try store.close()
    }

    @Test func narrowsTheModeOfExistingFiles() throws {
        let folder = try TemporaryFolder()
        #expect(FileManager.default.createFile(atPath: folder.path + "/sluice.sqlite", contents: nil))
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: folder.path + "/sluice.sqlite")
        _ = try Store(directory: folder.path)
        #expect(try folder.mode(of: "sluice.sqlite") == 0o600)
    }

    @Test func opensAgainWithWhatItHeld() async throws {
        let folder = try TemporaryFolder()
        let first = try Store(directory: folder.path)
        try await first.write { try $0.execute(sql: "INSERT INTO meta (name, value) VALUES ('a', 'b')") }
        try first.close()
        let second = try Store(directory: folder.path)
        let value = try await second.read { try String.fetchOne($0, sql: "SELECT value FROM meta WHERE name = 'a'") }
        #expect(value == "b")
    }

    @Test func keepsWalAndForeignKeysOn() async throws {
        let fixture = try StoreFixture()
        let settings = try await fixture.store.read { database in
            [
                try String.fetchOne(database, sql: "PRAGMA journal_mode"),
                try String.fetchOne(database, sql: "PRAGMA foreign_keys"),
                try String.fetchOne(database, sql: "PRAGMA synchronous"),
            ]
        }
        #expect(settings == ["wal", "1", "1"])
    }

    @Test func tellsAFileThatIsNoDatabase() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/sluice.sqlite"
        try Data(repeating: 0x41, count: 5000).write(to: URL(fileURLWithPath: path))
        #expect(throws: StoreError.corrupt(path: path)) { try Store(directory: folder.path) }
    }

    @Test func tellsASchemaOfANewerVersion() async throws {
        let folder = try TemporaryFolder()
        let store = try Store(directory: folder.path)
        try await store.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('9999 from the future')") }
        try store.close()
        #expect(throws: StoreError.newerSchema(path: folder.path + "/sluice.sqlite")) {
            try Store(directory: folder.path)
        }
    }

    @Test func tellsAFolderThatCannotBeMade() throws {
        let folder = try TemporaryFolder()
        let file = folder.path + "/file"
        #expect(FileManager.default.createFile(atPath: file, contents: nil))
        #expect {
            try Store(directory: file + "/store")
        } throws: { error in
            guard case .notWritable(let path, _)? = error as? StoreError else { return false }
            return path == file + "/store"
        }
    }

    @Test func errorsHoldNoArguments() async throws {
        let fixture = try StoreFixture()
        await #expect {
            try await fixture.store.write { database in
                try database.execute(sql: "INSERT INTO nowhere VALUES (?)", arguments: ["slc_secret"])
            }
        } throws: { error in
            !"\(error)".contains("slc_secret") && "\(error)".contains("nowhere")
        }
    }
}
