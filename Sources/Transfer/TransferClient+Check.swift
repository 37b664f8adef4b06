// SPDX-License-Identifier: Apache-2.0

extension TransferClient {
    /// Judges a URL that somebody brought by what is known before its name is resolved: its form, its domain, an address in
    /// the place of a name.
    ///
    /// Throws `invalidURL` and `addressRefused`. What passes is judged again at each hop, on the address that it resolves to.
    public func check(_ url: String) throws(TransferError) {
        let target = try TargetURL(url)
        let refusal = self.egressRefusal(of: target.origin)
        if let refusal { throw TransferError(.addressRefused(reason: refusal), detail: target.origin.host) }
    }
}
