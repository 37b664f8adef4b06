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

    /// Which adapter it is: `browserbase`, `anchor`, `notte`, `vagon`, `hoody`, `web`.
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

    /// Opens the upstream's own archive of these downloads, which are all in one container, and two at least.
    ///
    /// What is not in it, or cannot be told apart in it, does not come by. Throws `notReady` while the upstream makes it, and
    /// `unsupported`, without a request, where it would hold less than the downloads that are opened one by one.
    func archive(of downloads: [Download]) async throws(ProviderError) -> any ArchivedFiles

    /// Removes a download. Throws `notFound` where it is gone already.
    func delete(_ reference: DownloadReference) async throws(ProviderError)

    /// Judges what is to be brought in from a URL, before it is queued; nothing is fetched.
    ///
    /// Throws what can be known at once: `invalidURL`, `addressRefused`, `downloadForbidden`, `invalidRequest`.
    func plan(_ request: CreateRequest) async throws(ProviderError) -> CreatePlan

    /// Brings a URL in; returns once the file is whole, checked and durable, and this provider lists it.
    ///
    /// One try: whoever calls it tries again where the error says that it may help, with what the try before kept. A second
    /// call with the same ``CreateWork/id`` never brings a second file. A cancelled task ends the try and keeps what there is.
    func create(_ work: CreateWork, _ report: CreateReport) async throws(ProviderError) -> Download

    /// Ends what a try may have left running at the upstream, and removes what it left behind; no try runs meanwhile.
    ///
    /// Throws `unsupported` where the upstream cannot.
    func abandon(_ work: CreateWork) async throws(ProviderError)

    /// Judges what is to be put in, before it is queued or a byte of it is read; the upstream is not asked.
    ///
    /// Throws `invalidRequest` for a place or a name that cannot be.
    func plan(_ request: UploadRequest) async throws(ProviderError) -> UploadPlan

    /// The file that has the name now, in the place where one is to be put; `nil` where none has.
    func occupant(_ request: UploadRequest) async throws(ProviderError) -> DownloadReference?

    /// Puts a file in; returns once the upstream holds it whole, under a reference of this provider.
    ///
    /// One try, as ``create(_:_:)``: a second call with the same ``UploadWork/id`` never leaves a second file. Throws `conflict`
    /// where another file has the name, unless it may be overwritten. A cancelled task ends the try.
    func upload(
        _ work: UploadWork,
        from source: UploadSource,
        _ report: CreateReport
    ) async throws(ProviderError) -> Download

    /// Removes what tries left behind, as far as the upstream can; no try runs meanwhile, and none comes any more.
    func abandon(_ work: UploadWork) async throws(ProviderError)

    /// Removes what has outlived the retention that the operator gave it; returns what.
    func sweep() async throws(ProviderError) -> [DownloadReference]

    /// One cheap authenticated call, to see that address and credentials are right.
    func check() async throws(ProviderError)
}

extension Provider {
    /// Refuses, without a request.
    public func sessions(limit: Int) async throws(ProviderError) -> [Session] {
        throw .unsupported("list sessions", by: self.id)
    }

    /// Refuses, without a request.
    public func archive(of downloads: [Download]) async throws(ProviderError) -> any ArchivedFiles {
        throw .unsupported("hand out an archive", by: self.id)
    }

    /// Refuses, without a request.
    public func delete(_ reference: DownloadReference) async throws(ProviderError) {
        throw .unsupported("delete a download", by: self.id)
    }

    /// Refuses, without a request.
    public func plan(_ request: CreateRequest) async throws(ProviderError) -> CreatePlan {
        throw .unsupported("bring in a URL", by: self.id)
    }

    /// Refuses, without a request.
    public func create(_ work: CreateWork, _ report: CreateReport) async throws(ProviderError) -> Download {
        throw .unsupported("bring in a URL", by: self.id)
    }

    /// Refuses, without a request.
    public func abandon(_ work: CreateWork) async throws(ProviderError) {
        throw .unsupported("stop a download", by: self.id)
    }

    /// Refuses, without a request.
    public func plan(_ request: UploadRequest) async throws(ProviderError) -> UploadPlan {
        throw .unsupported("be given a file", by: self.id)
    }

    /// Refuses, without a request.
    public func occupant(_ request: UploadRequest) async throws(ProviderError) -> DownloadReference? {
        throw .unsupported("be given a file", by: self.id)
    }

    /// Refuses, without a request.
    public func upload(
        _ work: UploadWork,
        from source: UploadSource,
        _ report: CreateReport
    ) async throws(ProviderError) -> Download {
        throw .unsupported("be given a file", by: self.id)
    }

    /// Refuses, without a request.
    public func abandon(_ work: UploadWork) async throws(ProviderError) {
        throw .unsupported("be given a file", by: self.id)
    }

    /// Nothing: without a retention of our own, the upstream decides.
    public func sweep() async throws(ProviderError) -> [DownloadReference] { [] }
}
