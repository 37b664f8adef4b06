// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing
import Transfer

@testable import Providers

@Suite struct UpstreamFailuresTests {
    private let failures = UpstreamFailures(
        words: UpstreamWords(hiding: [Secret("key_very_secret"), Secret("files.secret.example"), Secret("")]),
        now: { Date(timeIntervalSince1970: 1_767_225_600) }
    )

    private func error(_ status: Int, _ headers: HTTPFields = [:], _ body: String = "{}") -> ProviderError {
        self.failures.error(UpstreamAnswer(status: status, headers: headers, body: Data(body.utf8)))
    }

    @Test(arguments: [
        (401, ProviderError.Kind.unauthorized, ProviderError.Retry.never), (403, .unauthorized, .never),
        (404, .notFound, .never), (410, .notFound, .never), (409, .conflict, .never), (400, .invalidRequest, .never),
        (422, .invalidRequest, .never), (429, .rateLimited, .now), (500, .upstream(status: 500), .now),
        (502, .unavailable, .now), (503, .unavailable, .now), (529, .unavailable, .now), (504, .timeout, .now),
        (418, .upstream(status: 418), .never), (302, .upstream(status: 302), .never),
    ])
    func mapsEachStatus(_ status: Int, _ kind: ProviderError.Kind, _ retry: ProviderError.Retry) {
        let error = self.error(status)
        #expect(error.kind == kind)
        #expect(error.retry == retry)
        #expect(!error.message.isEmpty)
    }

    @Test func whatAStoreSaysInXMLIsNotShown() {
        let error = self.error(404, [.contentType: "application/xml"], " <Error><Code>NoSuchKey</Code></Error>")
        #expect(error.message == "The upstream answered 404.")
    }

    @Test(arguments: [429, 502, 503, 529, 504]) func waitsAsLongAsTheUpstreamSays(_ status: Int) {
        #expect(self.error(status, [.retryAfter: "7"]).retry == .after(.seconds(7)))
    }

    @Test(arguments: [
        (
            TransferError.Kind.addressRefused(reason: "loopback"), ProviderError.Kind.addressRefused,
            ProviderError.Retry.never
        ),
        (.connectFailed, .unavailable, .now), (.tlsFailed, .unavailable, .now), (.incomplete, .unavailable, .now),
        (.connectTimeout, .timeout, .now), (.firstByteTimeout, .timeout, .now), (.idleTimeout, .timeout, .now),
        (.malformed, .malformedResponse, .never), (.tooLarge, .malformedResponse, .never),
        (.tooManyRedirects, .malformedResponse, .never), (.invalidURL, .malformedResponse, .never),
        (.cancelled, .cancelled, .never), (.closed, .unavailable, .never),
    ])
    func mapsEachTransferError(
        _ transfer: TransferError.Kind,
        _ kind: ProviderError.Kind,
        _ retry: ProviderError.Retry
    ) {
        let error = self.failures.error(TransferError(transfer, detail: "to files.secret.example with key_very_secret"))
        #expect(error.kind == kind)
        #expect(error.retry == retry)
        #expect(!"\(error)".contains("secret.example") && !"\(error)".contains("key_very"))
    }

    @Test func namesTheReasonOfARefusedAddress() {
        let error = self.failures.error(TransferError(.addressRefused(reason: "link-local")))
        #expect(error.message.contains("link-local"))
    }

    @Test(arguments: [
        (#"{"message":"No such thing"}"#, "No such thing"), (#"{"error":"Broken"}"#, "Broken"),
        (#"{"error":{"code":4,"message":"Inner"}}"#, "Inner"),
        (#"{"error":{"error":{"message":"Innermost"}}}"#, "Innermost"),
        (#"{"detail":[{"loc":["a"],"msg":"Too short","type":"t"}]}"#, "Too short"), (#"{"detail":"Flat"}"#, "Flat"),
        ("plain words", "plain words"),
    ])
    func findsTheUpstreamsWords(_ body: String, _ words: String) {
        #expect(self.error(400, [:], body).message == "The upstream answered 400: \(words)")
    }

    @Test(arguments: ["<html>Oops</html>", "", "[]", "{}", "[[[[[[\"deep\"]]]]]]", "\u{FFFE}"])
    func saysOnlyTheStatusWhereThereAreNoWords(_ body: String) {
        #expect(self.error(400, [:], body).message.hasPrefix("The upstream answered 400"))
        #expect(!self.error(400, [:], body).message.contains("<"))
    }

    @Test func cleansWords() {
        let words = self.failures.words
        #expect(words.clean("a\r\nSet-Cookie: x\u{0}\u{202E}b\t c") == "a Set-Cookie: x b c")
        #expect(words.clean("see https://s3.example/x?X-Amz-Signature=abc now") == "see <url> now")
        #expect(words.clean("see https://u:p@host/x now") == "see <url> now")
        #expect(words.clean("GET /x?token=abc failed?") == "GET /x?<query> failed?")
        #expect(words.clean("bad key_very_secret!") == "bad <secret>!")
        #expect(words.clean("at https://files.secret.example/a") == "at https://<secret>/a")
        #expect(words.clean(String(repeating: "x", count: 5000)).count == 200)
    }

    @Test func litellm27884_refusedCredentialIsNotQuoted() {
        let error = self.error(401, [:], #"{"message":"Invalid API key: key_very_******ret"}"#)
        #expect(!error.message.contains("key_very"))
    }
}
