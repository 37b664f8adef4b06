// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import Testing

@testable import Gateway

@Suite struct MasterSecretTests {
    @Test func takesTheConfiguredOne() throws {
        let folder = try TemporaryFolder()
        let key = SymmetricKey(size: .bits256)
        #expect(try MasterSecret.load(configured: Secret(key.text + "\n"), storage: folder.path) == key)
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/secret.key"))
    }

    @Test(arguments: ["abc", "AAAA", String(repeating: "A", count: 43), String(repeating: "A", count: 100)])
    func refusesAMalformedSetting(setting: String) throws {
        let folder = try TemporaryFolder()
        #expect(throws: MasterSecret.Failure.malformedSetting) {
            try MasterSecret.load(configured: Secret(setting), storage: folder.path)
        }
    }

    @Test func makesAFileForItsOwnerAndReadsItAgain() throws {
        let folder = try TemporaryFolder()
        let first = try MasterSecret.load(configured: Secret(""), storage: folder.path)
        #expect(try folder.mode(of: "secret.key") == 0o600)
        #expect(first.bitCount == 256)
        #expect(try MasterSecret.load(configured: nil, storage: folder.path) == first)
    }

    @Test(arguments: [0o640, 0o604, 0o660, 0o620]) func refusesAFileThatOthersCanUse(mode: Int) throws {
        let folder = try TemporaryFolder()
        _ = try MasterSecret.load(configured: nil, storage: folder.path)
        let path = folder.path + "/secret.key"
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        #expect(throws: MasterSecret.Failure.exposedFile(path: path)) {
            try MasterSecret.load(configured: nil, storage: folder.path)
        }
    }

    @Test(arguments: ["", "not base64 at all", "AAAA"]) func refusesAMalformedFile(content: String) throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/secret.key"
        let attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o600]
        #expect(FileManager.default.createFile(atPath: path, contents: Data(content.utf8), attributes: attributes))
        #expect(throws: MasterSecret.Failure.malformedFile(path: path)) {
            try MasterSecret.load(configured: nil, storage: folder.path)
        }
    }

    @Test func tellsAFolderThatIsNotThere() throws {
        #expect {
            try MasterSecret.load(configured: nil, storage: "/nowhere/at/all")
        } throws: { error in
            guard case .unusableFile? = error as? MasterSecret.Failure else { return false }
            return true
        }
    }

    @Test func purposesDoNotShareAKey() {
        let master = SymmetricKey(size: .bits256)
        #expect(MasterSecret.derive(master, for: "a") != MasterSecret.derive(master, for: "b"))
        #expect(MasterSecret.derive(master, for: "a") == MasterSecret.derive(master, for: "a"))
        #expect(MasterSecret.derive(master, for: "a") != master)
    }
}
