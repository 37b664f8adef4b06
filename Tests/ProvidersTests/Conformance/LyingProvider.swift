// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOConcurrencyHelpers
import NIOCore
import Simulators

/// What a provider may do wrong, and the checks that must notice each.
enum Lie: String, CaseIterable, Sendable {
    case dropsAFile, duplicatesAFile, renamesFiles, flipsAByte, truncatesCleanly, addsAByte, overstatesLength
    case claimsToDelete, deletesTheWrongFile, labelsTheWholeAsRange, shiftsRanges, swallowsErrors, ignoresCancellation
    case hidesFinishedSessions, forgetsRetryAfter, callsEverythingUnavailable, tellsSecrets, changesRevisions
    case asksBeforeRefusing, inventsTheUnknown, readsWithoutBeingAsked
    case overwritesUnasked

    /// Where the lie is told: a provider that has what it is about.
    var harness: ProviderHarness {
        switch self {
        case .labelsTheWholeAsRange, .shiftsRanges, .overwritesUnasked: .hoody
        case .asksBeforeRefusing: .anchor
        default: .browserbase
        }
    }

    /// The names of the checks that must fail.
    var caughtBy: [String] {
        switch self {
        case .dropsAFile: ["one file is listed with what the vendor says of it", "many pages hold every file once"]
        case .duplicatesAFile: ["many pages hold every file once", "eight lists at once agree"]
        case .renamesFiles: ["names with slashes and backslashes", "names with marks that turn the text"]
        case .flipsAByte: ["a file of one byte", "a file of five megabytes", "two readers at once each get all"]
        case .truncatesCleanly: ["a file of an odd number of bytes", "one reader after the other"]
        case .addsAByte: ["a file of no bytes", "a file of an odd number of bytes", "a longer file than listed"]
        case .overstatesLength: ["the head is honest"]
        case .claimsToDelete, .deletesTheWrongFile: ["deleting"]
        case .labelsTheWholeAsRange: ["a range: the first byte", "a range: the last thousand"]
        case .shiftsRanges: ["a range: the middle", "a range: from the middle on"]
        case .swallowsErrors:
            ["status 500", "HTML for JSON", "JSON cut in half", "nobody listens", "an unknown session is not found"]
        case .ignoresCancellation: ["cancelled before the head"]
        case .hidesFinishedSessions: ["finished sessions are listed, newest first"]
        case .forgetsRetryAfter: ["429 with Retry-After in seconds", "429 with Retry-After as a date"]
        case .callsEverythingUnavailable: ["status 404", "status 401", "HTML for JSON", "silence before the head"]
        case .tellsSecrets: ["status 500", "an upstream that quotes the credential is not quoted"]
        case .changesRevisions: ["the metadata equals the entry of the list"]
        case .asksBeforeRefusing: ["deleting", "files outside of any session"]
        case .inventsTheUnknown:
            ["the metadata of a file that is gone is not found", "references that no list ever gave are not found"]
        case .overwritesUnasked: ["a name that is taken"]
        case .readsWithoutBeingAsked: ["a reader that stops reading stops the upstream"]
        }
    }
}

/// A provider around a right one that tells one lie.
struct LyingProvider: Provider {
    let base: any Provider
    let lie: Lie

    var id: ProviderID { self.base.id }
    var kind: String { self.base.kind }
    var capabilities: Capabilities { self.base.capabilities }

    func sessions(limit: Int) async throws(ProviderError) -> [Session] {
        let sessions = try await self.base.sessions(limit: limit)
        return self.lie == .hidesFinishedSessions ? Array(sessions.prefix(1)) : sessions
    }

    func plan(_ request: UploadRequest) async throws(ProviderError) -> UploadPlan { try await self.base.plan(request) }

    func occupant(_ request: UploadRequest) async throws(ProviderError) -> DownloadReference? {
        try await self.base.occupant(request)
    }

    func upload(
        _ work: UploadWork,
        from source: UploadSource,
        _ report: CreateReport
    ) async throws(ProviderError) -> Download {
        var request = work.request
        if self.lie == .overwritesUnasked { request.overwrites = true }
        let falsified = UploadWork(
            id: work.id,
            owner: work.owner,
            createdAt: work.createdAt,
            request: request,
            checkpoint: work.checkpoint
        )
        return try await self.base.upload(falsified, from: source, report)
    }

    func list(_ query: ListQuery) async throws(ProviderError) -> Page<Download> {
        var page: Page<Download>
        do {
            page = try await self.patiently { () async throws(ProviderError) in try await self.base.list(query) }
        } catch {
            if self.lie == .swallowsErrors { return Page(items: []) }
            if self.lie == .asksBeforeRefusing { try await self.base.check() }
            throw self.falsify(error)
        }
        switch self.lie {
        case .dropsAFile: page.items = Array(page.items.dropLast())
        case .duplicatesAFile: page.items += page.items.prefix(1)
        case .renamesFiles: for index in page.items.indices { page.items[index].name = page.items[index].filename }
        default: break
        }
        return page
    }

    func download(_ reference: DownloadReference) async throws(ProviderError) -> Download {
        do {
            let download = try await self.patiently { () async throws(ProviderError) in
                try await self.base.download(reference)
            }
            guard self.lie == .changesRevisions else { return download }
            return Download(reference: reference, name: download.name, size: download.size, revision: "another")
        } catch {
            if self.lie == .inventsTheUnknown || self.lie == .swallowsErrors {
                return Download(reference: reference, name: "x")
            }
            throw self.falsify(error)
        }
    }

    func content(of reference: DownloadReference, _ request: ContentRequest) async throws(ProviderError) -> Content {
        do {
            return try await self.lyingContent(of: reference, request)
        } catch {
            if self.lie == .swallowsErrors { return Content(length: 0, body: ContentBody(ByteBuffer())) }
            throw self.falsify(error)
        }
    }

    func delete(_ reference: DownloadReference) async throws(ProviderError) {
        switch self.lie {
        case .claimsToDelete: return
        case .deletesTheWrongFile:
            let other = try await self.base.list(ListQuery(session: reference.session)).items.first {
                $0.reference != reference
            }
            try await self.base.delete(other?.reference ?? reference)
        case .asksBeforeRefusing:
            try await self.base.check()
            try await self.base.delete(reference)
        default: try await self.base.delete(reference)
        }
    }

    func check() async throws(ProviderError) { try await self.base.check() }

    private func falsify(_ error: ProviderError) -> ProviderError {
        var error = error
        switch self.lie {
        case .forgetsRetryAfter: error.retry = .now
        case .callsEverythingUnavailable: error.kind = .unavailable
        case .tellsSecrets: error.cause = "sent X-BB-API-Key: \(BrowserbaseSimulator.apiKey)"
        default: break
        }
        return error
    }

    private func lyingContent(
        of reference: DownloadReference,
        _ request: ContentRequest
    ) async throws(ProviderError) -> Content {
        var asked = request
        if self.lie == .labelsTheWholeAsRange { asked.range = nil }
        if self.lie == .shiftsRanges, case .bounded(let first, let last) = request.range {
            asked.range = .bounded(first: first + 1, last: last + 1)
        }
        if self.lie == .shiftsRanges, case .from(let first) = request.range { asked.range = .from(first + 1) }
        let wanted = asked
        var content = try await self.patiently { () async throws(ProviderError) in
            try await self.base.content(of: reference, wanted)
        }
        if self.lie == .labelsTheWholeAsRange || self.lie == .shiftsRanges {
            content.range = content.totalSize.flatMap { request.range?.resolved(size: $0) }
        }
        if self.lie == .overstatesLength { content.length = content.length.map { $0 + 1 } }
        content.body = self.falsify(content.body)
        return content
    }

    private func falsify(_ body: ContentBody) -> ContentBody {
        let lie = self.lie
        let base = Forgetful(body)
        switch lie {
        case .flipsAByte, .truncatesCleanly, .addsAByte:
            return ContentBody {
                { () async throws(ProviderError) -> ByteBuffer? in try await base.next(telling: lie) }
            }
        case .readsWithoutBeingAsked:
            return ContentBody {
                { () async throws(ProviderError) -> ByteBuffer? in
                    var last: ByteBuffer?
                    while let buffer = try await base.next(telling: lie) { last = buffer }
                    return last
                }
            }
        default: return body
        }
    }

    /// Runs a call out of reach of the caller's cancellation, where that is the lie.
    private func patiently<Value: Sendable>(
        _ call: @escaping @Sendable () async throws(ProviderError) -> Value
    ) async throws(ProviderError) -> Value {
        guard self.lie == .ignoresCancellation else { return try await call() }
        let result = await Task { () async -> Result<Value, ProviderError> in
            do throws(ProviderError) { return .success(try await call()) } catch { return .failure(error) }
        }.value
        return try result.get()
    }
}

/// A body that is not passed on as it came.
///
/// Pulled by one reader only, which is what guards its state.
private final class Forgetful: @unchecked Sendable {
    private var iterator: ContentBody.Iterator
    private var isFirst = true
    private var isOver = false

    init(_ body: ContentBody) { self.iterator = body.makeAsyncIterator() }

    func next(telling lie: Lie) async throws(ProviderError) -> ByteBuffer? {
        guard !self.isOver else { return nil }
        guard var buffer = try await self.iterator.next() else {
            self.isOver = true
            return lie == .addsAByte ? ByteBuffer(integer: UInt8(0)) : nil
        }
        if lie == .flipsAByte && self.isFirst {
            let byte = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) ?? 0
            buffer.setInteger(byte ^ 1, at: buffer.readerIndex)
        }
        if lie == .truncatesCleanly {
            self.isOver = true
            return buffer.getSlice(at: buffer.readerIndex, length: max(1, buffer.readableBytes - 1))
        }
        self.isFirst = false
        return buffer
    }
}
