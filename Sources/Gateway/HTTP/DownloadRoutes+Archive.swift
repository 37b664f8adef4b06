// SPDX-License-Identifier: Apache-2.0

import Downloads
import HTTPTypes
import Hummingbird

extension DownloadRoutes {
    /// The files that match a list's question, as one zip.
    func archive(
        of question: ListRequest,
        onError: Archive.OnError,
        for caller: Caller,
        _ context: GatewayContext
    ) async throws -> Response {
        let (record, library, policy) = (context.record, self.library, self.library.archives)
        let archive: Archive
        do throws(ArchiveRefusal) {
            archive = try await record.timing(.cache) { () async throws(ArchiveRefusal) in
                try await library.archive(question, for: caller, onError: onError)
            }
        } catch {
            throw Problem(error, policy, question)
        }
        let body = ArchiveBody(
            archive: archive,
            policy: policy,
            openContent: { (download) async throws(ProviderError) in try await library.open(download, ranges: []) },
            openArchive: { (downloads) async throws(ProviderError) in try await library.openArchive(of: downloads) },
            instant: self.watch.instant,
            logger: context.logger
        )
        return try await self.answer(body, for: caller, context)
    }

    private func answer(_ body: ArchiveBody, for caller: Caller, _ context: GatewayContext) async throws -> Response {
        let (record, keys, length) = (context.record, self.keys, body.archive.length)
        // What does not fit into the caller's day is refused before an upstream is asked.
        let (bytes, allowance) = try await context.requireLimits().open(length: length) { () async throws(Problem) in
            do throws(ProviderError) {
                return try await record.timing(.upstream) { () async throws(ProviderError) in try await body.begin() }
            } catch {
                throw Problem(error, ofFirst: body.archive.members.first)
            }
        }
        let references = Set(body.archive.members.map(\.listed.download.reference))
        let stream = StreamingBody(
            body: bytes,
            length: length,
            channel: context.channel,
            stallTimeout: self.stallTimeout,
            register: { cut in
                keys.register(caller, needs: { now in now.may(.read) && references.allSatisfy(now.maySee) }, cut: cut)
            },
            relayed: self.library.relayed,
            onEnd: { outcome, bytes, isSent in
                allowance?.end(sent: bytes)
                record.bodyEnded(outcome, bytes: bytes, isSent: isSent)
            }
        )
        record.bodyWillStream()
        let headers: HTTPFields = [
            .contentType: MediaType.zip, .contentDisposition: ContentDisposition.attachment(filename: "downloads.zip"),
            .acceptRanges: "none", .vary: "Accept", .cacheControl: "private, no-cache", .xContentTypeOptions: "nosniff",
        ]
        return Response(status: .ok, headers: headers, body: stream.responseBody())
    }
}

extension Problem {
    fileprivate init(_ refusal: ArchiveRefusal, _ policy: ArchivePolicy, _ question: ListRequest) {
        switch refusal {
        case .nothing:
            self.init(.notFound, "No file matches.")
        case .tooManyFiles(let count):
            let message = "\(count) files match, and an archive has at most \(policy.maxFiles). Narrow the filters."
            self.init(.tooLarge, message)
        case .tooManyBytes:
            let message = "The files that match have together more than the \(policy.byteLimit) bytes of an archive."
            self.init(.tooLarge, message)
        case .incomplete(let sources):
            self = .incomplete(
                sources,
                question,
                "With onError=report there is an archive, which lists what is missing."
            )
        }
    }

    /// Not everything that matches is known; `remedy` says what may be done.
    static func incomplete(_ sources: [SourceReport], _ question: ListRequest, _ remedy: String) -> Problem {
        let failed = sources.filter { !$0.isTruncated || $0.error != nil }
        if question.providers?.count == 1, let error = failed.first?.error { return Problem(error) }
        let reasons = sources.map { "\($0.provider): \($0.incompleteness.message)" }.joined(separator: " ")
        let detail = "Not everything that matches is known. \(reasons) \(remedy)"
        return failed.isEmpty ? Problem(.tooLarge, detail) : Problem(.upstreamError, detail)
    }

    /// Why the first file of an archive cannot be had; that one is gone is no 404 of the list.
    fileprivate init(_ error: ProviderError, ofFirst member: Archive.Member?) {
        self.init(error)
        if self.code == .notFound { self.code = .upstreamMalformed }
        guard let member, error.kind != .notReady else { return }
        self.detail = "The file '\(member.path)' (\(member.listed.id)) cannot be had: \(self.detail)"
    }
}
