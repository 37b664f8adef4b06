// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// A job at one of its tries, with all that it takes.
struct JobWork: Sendable {
    let job: Job
    let request: JobRequest
    /// What the try before kept.
    let checkpoint: Data?
    /// Where the file is to come into.
    let provider: any Provider
    /// What copies are read from; `nil` where none is made any more.
    let sources: (any CopySources)?
    /// What a caller sends; `nil` where that has ended with the process.
    var given: UploadSource?

    /// One try; not on the actor that runs the jobs: every piece of every body would pass through it.
    @concurrent
    func run(_ report: CreateReport) async -> Result<Download, ProviderError> {
        do throws(ProviderError) {
            switch self.request {
            case .url(let request):
                return .success(try await self.provider.create(self.creation(request), report))
            case .copy(let copy):
                guard let sources else { throw .cancelled }
                return .success(try await self.put(copy.target, from: sources.source(copy.source), report))
            case .upload(let request, _):
                guard let given else { throw Self.interrupted }
                return .success(try await self.put(request, from: given, report))
            }
        } catch {
            return .failure(error)
        }
    }

    /// Removes what the tries left behind; no try runs meanwhile.
    func abandon() async throws(ProviderError) {
        switch self.request {
        case .url(let request): try await self.provider.abandon(self.creation(request))
        case .copy(let copy): try await self.provider.abandon(self.upload(copy.target))
        case .upload(let request, _): try await self.provider.abandon(self.upload(request))
        }
    }

    private func put(
        _ request: UploadRequest,
        from source: UploadSource,
        _ report: CreateReport
    ) async throws(ProviderError) -> Download {
        var source = source
        if source.size == nil, try await self.provider.plan(request).needsSize {
            guard let sources else { throw .cancelled }
            source = try await sources.spooled(source)
        }
        return try await self.provider.upload(self.upload(request), from: source, report)
    }

    private static var interrupted: ProviderError {
        let message = "The gateway stopped while the file was sent."
        return ProviderError(.failed(DownloadFailure(code: .incomplete, message: message)), message: message)
    }

    private func creation(_ request: CreateRequest) -> CreateWork {
        CreateWork(
            id: self.job.id,
            owner: self.job.caller,
            createdAt: self.job.createdAt,
            request: request,
            checkpoint: self.checkpoint
        )
    }

    private func upload(_ request: UploadRequest) -> UploadWork {
        UploadWork(
            id: self.job.id,
            owner: self.job.caller,
            createdAt: self.job.createdAt,
            request: request,
            checkpoint: self.checkpoint
        )
    }
}

/// Where copies are read from.
protocol CopySources: Sendable {
    /// Opens a download to be copied; throws where it has no bytes.
    func source(_ reference: DownloadReference) async throws(ProviderError) -> UploadSource

    /// The same bytes with their number, which is known only once they were all read.
    func spooled(_ source: UploadSource) async throws(ProviderError) -> UploadSource
}
