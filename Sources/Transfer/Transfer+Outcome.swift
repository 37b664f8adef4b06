// SPDX-License-Identifier: Apache-2.0

import CCurl

extension Transfer {
    /// What libcurl's result means; `nil` for success.
    ///
    /// Why a callback refused goes before it.
    func outcome(of code: CURLcode) -> TransferError? {
        if let failure = self.failure { return failure }
        if code == CURLE_OK { return nil }
        return TransferError(self.kind(of: code), detail: self.detail(of: code))
    }

    private func kind(of code: CURLcode) -> TransferError.Kind {
        switch code {
        case CURLE_URL_MALFORMAT: .invalidURL
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_INTERFACE_FAILED, CURLE_FAILED_INIT:
            .connectFailed
        case CURLE_OPERATION_TIMEDOUT: self.isConnected ? .firstByteTimeout : .connectTimeout
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CIPHER, CURLE_SSL_CERTPROBLEM,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_ENGINE_NOTFOUND, CURLE_SSL_ENGINE_SETFAILED,
            CURLE_SSL_ENGINE_INITFAILED, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_CRL_BADFILE, CURLE_USE_SSL_FAILED:
            .tlsFailed
        // HTTP/0.9 is one of them: the scheme itself was checked.
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING: .malformed
        // libcurl has no code of its own for chunks that are none.
        case _ where self.text.contains("chunked-encod"): .malformed
        default: .incomplete
        }
    }

    private var text: String { unsafe String(cString: self.errorText) }

    /// libcurl's words, or its name for the code; printable and short.
    private func detail(of code: CURLcode) -> String {
        let words = self.text.isEmpty ? unsafe String(cString: curl_easy_strerror(code)) : self.text
        return String(
            decoding: words.utf8.prefix(200).map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") },
            as: UTF8.self
        )
    }
}
