// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@Suite struct DownloadTests {
    private func download(
        _ name: String = "a.bin",
        type: String? = nil,
        size: Int64? = nil,
        at seconds: Double? = nil
    ) throws -> Download {
        Download(
            reference: DownloadReference(provider: try #require(ProviderID("p")), session: "s", item: "i"),
            name: name,
            mimeType: type,
            size: size,
            createdAt: seconds.map { Date(timeIntervalSince1970: $0) }
        )
    }

    @Test func derivesTheMediaTypeFromTheNameAlone() throws {
        #expect(try self.download("x.PDF").mimeType == "application/pdf")
        #expect(try self.download("x.tar.gz").mimeType == "application/gzip")
        #expect(try self.download("x").mimeType == nil)
        #expect(try self.download(".pdf").mimeType == nil)
        #expect(try self.download("x.pdf", type: "text/html").mimeType == "text/html")
    }

    @Test(arguments: [
        "pdf", "a/b/c", "a/", "/b", "a b/c", "text/html\r\nX: y", "text/ht\u{e9}ml",
        String(repeating: "a", count: 300) + "/b",
    ])
    func nioCVE_2022_3215_aMediaTypeThatIsNoneIsDropped(_ type: String) throws {
        #expect(try self.download("x.pdf", type: type).mimeType == "application/pdf")
    }

    @Test func revisionTellsFilesOfOneNameApart() throws {
        #expect(try self.download(size: 1, at: 5).revision != self.download(size: 2, at: 5).revision)
        #expect(try self.download(size: 1, at: 5).revision != self.download(size: 1, at: 6).revision)
        #expect(try self.download(size: 1, at: 5.25).revision == self.download(size: 1, at: 5.75).revision)
    }

    @Test func revisionDoesNotChangeWhenTheGatewayLearnsSomething() throws {
        var download = try self.download(at: 5)
        let before = download.revision
        download.checksum = String(repeating: "a", count: 64)
        download.size = 12
        #expect(download.revision == before)
    }

    @Test(arguments: [Double.infinity, -.infinity, 1e300])
    func impossibleTimesDoNotTrap(_ seconds: Double) throws {
        #expect(try !self.download(at: seconds).revision.isEmpty)
    }

    @Test func progressDerivesPercentWithinBounds() {
        #expect(DownloadProgress(receivedBytes: 1, totalBytes: 3).percent == 33.3)
        #expect(DownloadProgress(receivedBytes: 5, totalBytes: 3).percent == 100)
        #expect(DownloadProgress(receivedBytes: 5, totalBytes: 0).percent == nil)
        #expect(DownloadProgress(receivedBytes: 5, totalBytes: nil, percent: -4).percent == 0)
    }

    @Test(arguments: ["", "A", "a b", "ä", "a/b", String(repeating: "a", count: 65), "a.b"])
    func refusesNamesThatAreNoProviderIDs(_ name: String) { #expect(ProviderID(name) == nil) }

    @Test(arguments: ["", "a\u{0}", "a\nb", String(repeating: "x", count: 5000)])
    func referencesThatCannotStandInAURLAreMalformed(_ part: String) throws {
        let id = try #require(ProviderID("p"))
        #expect(!DownloadReference(provider: id, session: nil, item: part).isWellFormed)
        #expect(!DownloadReference(provider: id, session: part, item: "i").isWellFormed)
        #expect(DownloadReference(provider: id, session: nil, item: "i").isWellFormed)
    }

    @Test func secretsAreNotPrintedInAnyWay() {
        let secret = Secret("hunter2-hunter2")
        var dumped = ""
        dump(["key": secret], to: &dumped)
        for text in ["\(secret)", String(describing: secret), String(reflecting: secret), dumped, "\([secret])"] {
            #expect(!text.contains("hunter2"))
        }
        #expect(secret.reveal() == "hunter2-hunter2")
    }
}

@Suite struct ByteRangeTests {
    @Test(arguments: [
        (ByteRange.bounded(first: 0, last: 0), Int64(10), Int64(0), Int64(0)),
        (.bounded(first: 5, last: .max), 10, 5, 9),
        (.from(9), 10, 9, 9), (.suffix(3), 10, 7, 9), (.suffix(.max), 10, 0, 9), (.from(0), .max, 0, .max - 1),
    ])
    func resolves(_ range: ByteRange, _ size: Int64, _ first: Int64, _ last: Int64) {
        #expect(range.resolved(size: size) == first...last)
    }

    @Test(arguments: [
        (ByteRange.from(10), Int64(10)), (.suffix(0), 10), (.bounded(first: 10, last: 11), 10),
        (.bounded(first: 5, last: 4), 10),
        (.from(0), 0), (.suffix(5), 0), (.bounded(first: -1, last: 4), 10), (.from(.min), 10), (.suffix(.min), 10),
        (.from(0), -1),
    ])
    func hasNoBytes(_ range: ByteRange, _ size: Int64) { #expect(range.resolved(size: size) == nil) }
}
