// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Gateway

@Suite struct MemberPathsTests {
    private func paths(_ names: [(session: String?, name: String)], usesFolders: Bool = false) throws -> [String] {
        let provider = try #require(ProviderID("alpha"))
        let downloads = names.enumerated().map { index, file in
            Download(
                reference: DownloadReference(provider: provider, session: file.session, item: "\(index)"),
                name: file.name
            )
        }
        return MemberPaths.paths(of: downloads, usesFolders: usesFolders, reserved: ["MISSING.txt"])
    }

    private func flat(_ names: String...) throws -> [String] { try self.paths(names.map { ("s", $0) }) }

    @Test func namesStayAsTheyAre() throws {
        #expect(
            try self.flat("report.pdf", "données été.csv", "日本.txt", ".profile") == [
                "report.pdf", "données été.csv", "日本.txt", ".profile",
            ]
        )
    }

    @Test func sameNamesAreNumbered() throws {
        #expect(
            try self.flat("a.pdf", "a.pdf", "a (2).pdf", "a.pdf", "b") == [
                "a.pdf", "a (2).pdf", "a (2) (2).pdf", "a (3).pdf", "b",
            ]
        )
    }

    /// One file system does not tell letter cases apart, another one not the forms of accents.
    @Test func namesThatOnlySomeSystemsTellApartAreNumbered() throws {
        #expect(try self.flat("A.PDF", "a.pdf") == ["A.PDF", "a (2).pdf"])
        #expect(try self.flat("\u{E9}.txt", "e\u{301}.txt") == ["\u{E9}.txt", "e\u{301} (2).txt"])
    }

    @Test func theReportsNameIsItsOwn() throws { #expect(try self.flat("missing.TXT") == ["missing (2).TXT"]) }

    /// security.md 15: zip slip, CVE-2018-1002200 and its like.
    @Test(arguments: [
        ("../../etc/passwd", "passwd"), ("/etc/shadow", "shadow"), ("..", "download"), ("..\\..\\evil.exe", "evil.exe"),
        ("C:\\x", "x"), ("C:evil.dll", "C_evil.dll"), ("a.txt:stream", "a.txt_stream"),
        ("a<b>|c?*\".txt", "a_b__c___.txt"),
        ("CON", "_CON"), ("nul.txt", "_nul.txt"), ("lpt1.tar.gz", "_lpt1.tar.gz"), ("console.log", "console.log"),
        ("x.", "x_"), ("...", ".._"), ("a\u{202E}fdp.exe", "afdp.exe"), ("a\0b", "ab"), ("a\nb", "ab"),
        ("", "download"),
    ])
    func hostileNamesAreNamesOnly(_ name: String, _ path: String) throws { #expect(try self.flat(name) == [path]) }

    @Test func foldersAreOfProviderAndSession() throws {
        let paths = try self.paths([(nil, "a"), ("s1", "a"), ("s2", "a"), ("in/side", "a")], usesFolders: true)
        #expect(paths == ["alpha/a", "alpha/s1/a", "alpha/s2/a", "alpha/in/side/a"])
    }

    @Test func hostileSessionsAreFoldersOnly() throws {
        let paths = try self.paths([("../../etc", "a"), ("/abs", "a"), ("C:\\x", "a"), ("..", "a")], usesFolders: true)
        #expect(paths == ["alpha/download/download/etc/a", "alpha/abs/a", "alpha/C_/x/a", "alpha/download/a"])
        let deep = try self.paths([(String(repeating: "x/", count: 500), "a")], usesFolders: true)
        #expect(deep == ["alpha/" + String(repeating: "x/", count: 16) + "a"])
    }

    @Test func nothingIsAFileAndAFolder() throws {
        #expect(try self.paths([(nil, "S1"), ("s1", "a")], usesFolders: true) == ["alpha/S1 (2)", "alpha/s1/a"])
        let merged = try self.paths([("a:b", "x"), ("a?b", "x")], usesFolders: true)
        #expect(merged == ["alpha/a_b/x", "alpha/a_b/x (2)"])
    }

    @Test func tenThousandOfOneNameAreAllDifferent() throws {
        let paths = try self.paths(Array(repeating: ("s", "a.pdf"), count: 10_000))
        #expect(Set(paths).count == 10_000 && paths.last == "a (10000).pdf")
    }

    @Test func longNamesStayShortEnough() throws {
        let name = String(repeating: "é", count: 200) + ".pdf"
        let paths = try self.flat(name, name, "CON." + String(repeating: "x", count: 251))
        #expect(Set(paths).count == 3 && paths.allSatisfy { $0.utf8.count <= 255 })
    }
}
