// SPDX-License-Identifier: Apache-2.0

import CCurl
import HTTPTypes

extension Transfer {
    /// Sets every option of the handle; `false` where libcurl does not take one.
    func setUp() -> Bool {
        let isSet = self.setNumbers() && self.setTexts() && self.setHeaders() && self.setCallbacks()
        let hasURL = unsafe ccurl_set_url(self.handle, self.hop.url.parsed) == CURLE_OK
        let hasErrorText = unsafe ccurl_set_pointer(self.handle, CURLOPT_ERRORBUFFER, self.errorText) == CURLE_OK
        return isSet && hasURL && hasErrorText
    }

    private func setNumbers() -> Bool {
        var options: [(CURLoption, Int)] = [
            (CURLOPT_NOSIGNAL, 1),
            // A paused stream of HTTP/2 is buffered by libcurl up to 32 MB; HTTP/1.1 holds back the socket.
            (CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1),
            (CURLOPT_FOLLOWLOCATION, 0),
            (CURLOPT_UNRESTRICTED_AUTH, 0),
            (CURLOPT_DISALLOW_USERNAME_IN_URL, 1),
            (CURLOPT_NETRC, Int(CURL_NETRC_IGNORED.rawValue)),
            (CURLOPT_BUFFERSIZE, self.readSize),
            (CURLOPT_CONNECTTIMEOUT_MS, self.hop.limits.connect.milliseconds),
            // Or ending a transfer that still resolves would block the thread until the name server answers.
            (CURLOPT_QUICK_EXIT, 1),
        ]
        if !self.mayRepeat {
            // libcurl repeats a request by itself where a kept connection turns out to be dead.
            options.append((CURLOPT_FRESH_CONNECT, 1))
        }
        if self.hop.method == .head { options.append((CURLOPT_NOBODY, 1)) }
        if self.upload.isPresent { options.append((CURLOPT_UPLOAD, 1)) }
        let areSet = options.allSatisfy { unsafe ccurl_set_long(self.handle, $0, $1) == CURLE_OK }
        let length = self.upload.isPresent ? self.upload.length ?? -1 : -1
        let hasLength = unsafe ccurl_set_offset(self.handle, CURLOPT_INFILESIZE_LARGE, curl_off_t(length)) == CURLE_OK
        return areSet && hasLength
    }

    /// Whether the request may be sent twice: not where it changes something, or because its body is gone.
    ///
    /// DELETE is idempotent (RFC 9110, 9.2.2), but the second answer is another: what was deleted would be "not found".
    var mayRepeat: Bool {
        if case .stream = self.hop.body { return false }
        return !self.hop.writes && [.get, .head, .options].contains(self.hop.method)
    }

    private func setTexts() -> Bool {
        var options = [
            (CURLOPT_PROTOCOLS_STR, "http,https"),
            // An empty name switches off what the environment says.
            (CURLOPT_PROXY, ""),
        ]
        if self.hop.method != .get || self.upload.isPresent, self.hop.method != .head {
            options.append((CURLOPT_CUSTOMREQUEST, self.hop.method.rawValue))
        }
        return options.allSatisfy { unsafe ccurl_set_string(self.handle, $0, $1) == CURLE_OK }
    }

    private func setHeaders() -> Bool {
        for line in self.hop.headerLines {
            guard let list = unsafe curl_slist_append(self.headerList, line) else { return false }
            unsafe self.headerList = list
        }
        return unsafe ccurl_set_list(self.handle, CURLOPT_HTTPHEADER, self.headerList) == CURLE_OK
    }
}

extension Duration {
    /// Whole milliseconds, at least one: zero means "no limit" to libcurl.
    fileprivate var milliseconds: Int {
        let (seconds, attoseconds) = self.components
        let whole = min(max(seconds, 0), 86_400) * 1000 + max(attoseconds, 0) / 1_000_000_000_000_000
        return Int(max(whole, 1))
    }
}
