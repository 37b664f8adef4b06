// SPDX-License-Identifier: Apache-2.0

import Downloads
import Hummingbird
import NIOConcurrencyHelpers
import NIOCore

extension DownloadRoutes {
    /// A body that is no JSON: the file itself, straight through to the provider that the query names.
    func upload(_ request: Request, for caller: Caller, _ context: GatewayContext) async throws -> Response {
        do {
            let (target, mimeType) = try self.target(of: request, for: caller, context)
            context.record.note(target)
            let body = try GivenBody(request, on: context.channel)
            let listed = try await context.record.timing(.upstream) { () async throws in
                try await self.library.upload(body.source, to: target, mimeType: mimeType, for: caller)
            }
            context.record.note(listed.download.reference, id: listed.id)
            var response = self.metadata(listed)
            response.status = .created
            response.headers[.location] = "\(self.texts.linkBase)/v1/downloads/\(listed.id)"
            return response
        } catch {
            var problem = ProblemMiddleware.problem(for: error, context)
            // What is left of the body is not worth being read.
            problem.headers[.connection] = "close"
            throw problem
        }
    }

    private func target(
        of request: Request,
        for caller: Caller,
        _ context: GatewayContext
    ) throws(Problem) -> (UploadTarget, mimeType: String?) {
        var query = context.query
        guard let name = query.text("provider") else {
            throw Problem(
                .unsupportedMediaType,
                "The body must be application/json, or a file with 'provider' in the query."
            )
        }
        let provider = self.provider(name, caller)
        if provider == nil { query.refuse("provider", "'\(name.prefix(64))' is not a provider here") }
        let (session, directory) = (query.text("sessionId"), query.text("directory"))
        let filename = query.text("filename")
        if filename == nil, !query.hasFault(in: "filename") { query.refuse("filename", "is needed") }
        let overwrites = query.flag("overwrite") ?? false
        if request.headers[.idempotencyKey] != nil {
            query.refuse("Idempotency-Key", "is for JSON bodies: a file is sent anew with 'overwrite'")
        }
        try query.finish()
        guard let provider else { throw .fields([]) }
        let target = UploadTarget(
            provider: provider,
            session: session,
            directory: directory,
            filename: filename,
            overwrites: overwrites
        )
        return (target, request.headers[.contentType].flatMap(MediaTypes.wellFormed))
    }
}

/// The body of a request as the source of an upload: it comes once, no faster than it is taken.
private struct GivenBody: Sendable {
    private let body: RequestBody
    private let length: Int64?
    private let expectation: Expectation

    /// Throws where the length is no number.
    init(_ request: Request, on channel: any Channel) throws(Problem) {
        self.body = request.body
        self.expectation = Expectation(request, on: channel)
        let length = request.headers[.contentLength]
        self.length = length.flatMap { Int64($0) }
        guard length == nil || (self.length ?? -1) >= 0 else {
            throw .field("Content-Length", "must be a whole number")
        }
    }

    var source: UploadSource {
        let once = OnceGate()
        return UploadSource(size: self.length, revision: "", isOnce: true) { offset async throws(ProviderError) in
            guard offset == 0, once.pass() else {
                throw ProviderError(.unavailable, message: "What was sent once cannot be read again.")
            }
            await self.expectation.meet()
            return self.content
        }
    }

    private var content: ContentBody {
        ContentBody {
            var iterator = self.body.makeAsyncIterator()
            return { () async throws(ProviderError) -> ByteBuffer? in
                do {
                    while let bytes = try await iterator.next(isolation: #isolation) {
                        if bytes.readableBytes > 0 { return bytes }
                    }
                    return nil
                } catch is CancellationError {
                    throw .cancelled
                } catch {
                    let message = "The body did not arrive whole."
                    throw ProviderError(
                        .failed(DownloadFailure(code: .incomplete, message: message)),
                        message: message,
                        cause: "\(error)"
                    )
                }
            }
        }
    }
}

/// Lets one through.
private final class OnceGate: Sendable {
    private let isPassed = NIOLockedValueBox(false)

    func pass() -> Bool {
        self.isPassed.withLockedValue { isPassed in
            defer { isPassed = true }
            return !isPassed
        }
    }
}
