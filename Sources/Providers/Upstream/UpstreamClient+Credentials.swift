// SPDX-License-Identifier: Apache-2.0

import Downloads

/// Which credential a call is made with, and with which one it is made again.
extension UpstreamClient {
    /// Makes an attempt with one credential after the other until an answer says nothing against the credential.
    ///
    /// Each is tried at most once. What a credential was refused for was not carried out, so that this is right for every
    /// method; a call's body is bytes, which can be sent again. What `attempt` throws, such as a broken connection, is not
    /// about the credential either. Throws where all refuse, or rest.
    func trying<Value: Sendable>(
        _ attempt: (_ credential: ProviderCredential?) async throws(ProviderError) -> Result<Value, UpstreamFailure>
    ) async throws(ProviderError) -> Result<Value, UpstreamFailure> {
        guard !self.pool.isEmpty else { return try await attempt(nil) }
        var refusals: [(id: String, failure: UpstreamFailure)] = []
        while let credential = self.pool.take(except: Set(refusals.map(\.id)), at: self.now()) {
            let result = try await attempt(credential)
            switch result {
            case .success:
                self.pool.worked(credential.id)
                // Another may do it: what those were refused for was their own fault, not that of what was asked for.
                for (id, failure) in refusals where failure.refusal == .forbidden {
                    self.pool.refused(id, at: self.now())
                }
                return result
            case .failure(let failure):
                guard let refusal = failure.refusal else { return result }
                self.note(refusal, failure.error, of: credential)
                refusals.append((credential.id, failure))
            }
        }
        throw self.error(of: refusals.map(\.failure))
    }

    private func note(_ refusal: UpstreamFailure.Refusal, _ error: ProviderError, of credential: ProviderCredential) {
        switch (refusal, error.retry) {
        case (.limited, .after(let wait)): self.pool.limited(credential.id, for: wait, at: self.now())
        case (.limited, _): self.pool.limited(credential.id, for: CredentialPool.usualRest, at: self.now())
        case (.unknown, _): self.pool.refused(credential.id, at: self.now())
        // A caller who asks for what is forbidden must not take the credential from all others.
        case (.forbidden, _): break
        }
    }

    /// What is said where no credential did.
    ///
    /// A credential that is known and not limited has given the answer. Else a limit, since it passes; and only then that
    /// no credential is known.
    private func error(of refusals: [UpstreamFailure]) -> ProviderError {
        let wait = self.pool.soonest(at: self.now())
        let telling =
            refusals.first { $0.refusal == .forbidden } ?? refusals.first { $0.refusal == .limited }
            ?? (wait == nil ? refusals.last : nil)
        var error =
            telling?.error
            ?? ProviderError(
                .rateLimited,
                retry: .now,
                message: "The upstream wants fewer requests; no other credential is left."
            )
        if let wait { error.retry = .after(wait) }
        return error
    }
}
