// SPDX-License-Identifier: Apache-2.0

import Downloads
import Testing

@Suite struct SafeFilenameTests {
    @Test(arguments: [
        ("report.pdf", "report.pdf"), ("/etc/passwd", "passwd"), ("..\\..\\windows\\system.ini", "system.ini"),
        ("../..", "download"), ("", "download"), (".", "download"), ("..", "download"), ("/", "download"),
        ("a/", "a"),
        ("a\u{0}b.txt", "ab.txt"), ("a\r\nSet-Cookie: x.txt", "aSet-Cookie: x.txt"), ("  spaced .txt ", "spaced .txt"),
        ("evil\u{202E}fdp.exe", "evilfdp.exe"), ("zero\u{200B}width\u{FEFF}.txt", "zerowidth.txt"),
        ("été 📄.pdf", "été 📄.pdf"),
        (".hidden", ".hidden"), ("quote\"s.txt", "quote\"s.txt"), ("a/\u{301}b.txt", "\u{301}b.txt"),
        ("line\u{2028}sep.txt", "linesep.txt"), ("\u{FFFD}\u{FFFD}", "download"),
    ])
    func isABaseName(_ name: String, _ safe: String) { #expect(SafeFilename.make(from: name) == safe) }

    @Test(arguments: [
        String(repeating: "a", count: 1000) + ".pdf", String(repeating: "é", count: 500) + ".tar.gz",
        String(repeating: "📄", count: 200),
        "x." + String(repeating: "e", count: 600), String(repeating: ".", count: 999),
    ])
    func isAtMost255Bytes(_ name: String) {
        let safe = SafeFilename.make(from: name)
        #expect((1...255).contains(safe.utf8.count))
    }

    @Test func keepsTheEndingOfALongName() {
        #expect(SafeFilename.make(from: String(repeating: "a", count: 1000) + ".pdf").hasSuffix("aaa.pdf"))
    }
}
