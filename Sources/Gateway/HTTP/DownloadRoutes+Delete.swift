// SPDX-License-Identifier: Apache-2.0

import Downloads
import HTTPTypes
import Hummingbird
import Logging

extension DownloadRoutes {
    @Sendable
    func deleteAll(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let caller = try context.requireCaller(.delete)
        var query = context.query
        let question = self.matching(&query, request, caller)
        let confirmed = query.integer("confirm", in: 0...Int64(Int32.max))
        if confirmed == nil, !query.hasFault(in: "confirm") {
            query.refuse("confirm", "is needed: the 'total' of the list with the same filters")
        }
        if !question.isNarrowed { query.refuse("provider", "is needed, or another filter of the list") }
        try query.finish()
        Self.note(question, context)
        let deletions: [Deletion]
        do throws(DeletionRefusal) {
            deletions = try await context.record.timing(.upstream) { () async throws(DeletionRefusal) in
                try await self.library.deleteAll(question, total: Int(confirmed ?? -1), for: caller)
            }
        } catch {
            throw Problem(error, question)
        }
        // The request's log entry has room for one download; the operator finds them all by the request's id.
        for deletion in deletions where deletion.error == nil {
            context.logger.notice("A download was deleted.", metadata: ["download": "\(deletion.id)"])
        }
        let results = DeletionRepresentation(deletions) { ProblemMiddleware.problem(for: $0, context) }
        return .json(results, cacheControl: "no-store")
    }
}

extension Problem {
    fileprivate init(_ refusal: DeletionRefusal, _ question: ListRequest) {
        switch refusal {
        case .otherTotal(let total):
            self = .field(
                "confirm",
                "is not the number of downloads that match, which is \(total); nothing was deleted"
            )
        case .tooMany(let total):
            let most = DownloadLibrary.mostDeletions
            self.init(
                .tooLarge,
                "\(total) downloads match, and one request deletes at most \(most). Narrow the filters."
            )
        case .incomplete(let sources):
            self = .incomplete(sources, question, "Nothing was deleted.")
        }
    }
}

/// What became of each download that was to be deleted.
private struct DeletionRepresentation: Encodable {
    struct Result: Encodable {
        struct Failure: Encodable {
            let code: String
            let message: String
        }

        let id: String
        /// What the deletion of this one alone would have been answered with.
        let status: Int
        let error: Failure?
    }

    let total: Int
    let deleted: Int
    let failed: Int
    let results: [Result]

    init(_ deletions: [Deletion], _ problem: (any Error) -> Problem) {
        self.total = deletions.count
        self.deleted = deletions.count { $0.error == nil }
        self.failed = self.total - self.deleted
        self.results = deletions.map { deletion in
            guard let error = deletion.error else { return Result(id: deletion.id, status: 204, error: nil) }
            let problem = problem(error)
            let failure = Result.Failure(code: problem.code.rawValue, message: problem.detail)
            return Result(id: deletion.id, status: problem.code.status.code, error: failure)
        }
    }
}
