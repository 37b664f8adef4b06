// SPDX-License-Identifier: Apache-2.0

/// A configured upstream that holds downloads: it translates between our words and the upstream's, and nothing else.
///
/// It does not retry, cache, log or limit; those are layers around it (``CheckedProvider``, ``RetryingProvider``,
/// ``ObservedProvider``). Every method maps each failure of the upstream to a ``ProviderError``; none ever answers a
/// failure with an empty success. A cancelled task makes every method throw ``ProviderError/Kind/cancelled`` and closes the
/// upstream's connection within a second.
///
/// Optional operations are promised by ``capabilities``; the defaults throw ``ProviderError/Kind/unsupported`` without a
/// request.
public protocol Provider: Sendable {
    /// The name that the operator gave it.
    var id: ProviderID { get }

    /// Which adapter it is: `browserbase`, `anchor`, `notte`, `vagon`, `hoody`.
    var kind: String { get }

    /// What it promises; does not change while it lives.
    var capabilities: Capabilities { get }

    /// Its newest sessions, finished ones included, newest first; at most `limit`.
    func sessions(limit: Int) async throws(ProviderError) -> [Session]

    /// One page of the downloads of one container, in the upstream's order.
    ///
    /// Throws `notFound` where the upstream does not know the container.
    func list(_ query: ListQuery) async throws(ProviderError) -> Page<Download>

    /// What the upstream knows of one download now. Throws `notFound` where it is gone.
    func download(_ reference: DownloadReference) async throws(ProviderError) -> Download

    /// Opens the bytes of a download; returns at the upstream's head, before the first byte.
    func content(
        of reference: DownloadReference,
        _ request: ContentRequest
    ) async throws(ProviderError) -> Content

    /// Removes a download. Throws `notFound` where it is gone already.
    func delete(_ reference: DownloadReference) async throws(ProviderError)

    /// One cheap authenticated call, to see that address and credentials are right.
    func check() async throws(ProviderError)
}

extension Provider {
    /// Refuses, without a request.
    public func sessions(limit: Int) async throws(ProviderError) -> [Session] {
        throw .unsupported("list sessions", by: self.id)
    }

    /// Refuses, without a request.
    public func delete(_ reference: DownloadReference) async throws(ProviderError) {
        throw .unsupported("delete a download", by: self.id)
    }
}
