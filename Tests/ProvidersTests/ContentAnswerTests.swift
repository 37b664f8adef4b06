// SPDX-License-Identifier: Apache-2.0

import Downloads
import HTTPTypes
import Testing

@testable import Providers

@Suite struct ContentAnswerTests {
    @Test func readsAWholeFile() throws {
        let answer = try ContentAnswer(
            status: 200,
            headers: [.contentLength: "12", .contentType: "text/plain", .eTag: #""abc""#]
        )
        #expect(answer.length == 12)
        #expect(answer.totalSize == 12)
        #expect(answer.range == nil)
        #expect(answer.mimeType == "text/plain")
        #expect(answer.validator == #""abc""#)
    }

    @Test func readsAPart() throws {
        let answer = try ContentAnswer(status: 206, headers: [.contentRange: "bytes 5-9/100", .contentLength: "5"])
        #expect(answer.length == 5)
        #expect(answer.range == 5...9)
        #expect(answer.totalSize == 100)
        #expect(try ContentAnswer(status: 206, headers: [.contentRange: "bytes 0-0/*"]).totalSize == nil)
    }

    @Test func keepsSilentAboutWhatSaysNothing() throws {
        let answer = try ContentAnswer(
            status: 200,
            headers: [.contentType: "application/octet-stream", .eTag: #"W/"abc""#]
        )
        #expect(try ContentAnswer(status: 200, headers: [:]) == answer)
    }

    @Test(arguments: [
        "bytes 5-4/100", "bytes 5-100/100", "bytes 0-9223372036854775807/*", "bytes -1-5/100", "bytes 1-2",
        "items 1-2/3",
        "bytes 99999999999999999999-1/2", "bytes +1-2/3", "bytes 1-2/3/4", "bytes */100", "",
    ])
    func vaporCVE_2022_31005_impossibleContentRangeIsRefused(_ value: String) {
        #expect(throws: ProviderError.self) { try ContentAnswer(status: 206, headers: [.contentRange: value]) }
    }

    @Test func refusesWhatContradictsItself() {
        #expect(throws: ProviderError.self) {
            try ContentAnswer(status: 206, headers: [.contentRange: "bytes 0-4/10", .contentLength: "6"])
        }
        #expect(throws: ProviderError.self) { try ContentAnswer(status: 206, headers: [:]) }
        #expect(throws: ProviderError.self) { try ContentAnswer(status: 200, headers: [.contentLength: "1e3"]) }
        #expect(throws: ProviderError.self) { try ContentAnswer(status: 200, headers: [.contentEncoding: "gzip"]) }
        #expect(throws: ProviderError.self) { try ContentAnswer(status: 202, headers: [:]) }
    }

    @Test func readsTheSizeOfARefusedRange() {
        #expect(ContentAnswer.unsatisfiedSize([.contentRange: "bytes */42"]) == 42)
        #expect(ContentAnswer.unsatisfiedSize([.contentRange: "bytes 0-1/42"]) == nil)
        #expect(ContentAnswer.unsatisfiedSize([:]) == nil)
    }

    @Test func promisedLengthIsHeldAgainstTheBytes() throws {
        var whole = PromisedLength(5)
        try whole.take(2)
        try whole.take(3)
        try whole.take(nil)
        var short = PromisedLength(5)
        try short.take(4)
        #expect(throws: ProviderError.self) { try short.take(nil) }
        var long = PromisedLength(5)
        #expect(throws: ProviderError.self) { try long.take(6) }
        var open = PromisedLength(nil)
        try open.take(1_000_000)
        try open.take(nil)
    }
}
