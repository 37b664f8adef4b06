// SPDX-License-Identifier: Apache-2.0

import Downloads
import Hummingbird

extension DownloadRoutes {
    /// A body with `from`: a copy of another download.
    func copy(
        _ body: inout JSONBody,
        _ idempotency: JobTable.Idempotency?,
        for caller: Caller,
        _ context: GatewayContext
    ) async throws -> Response {
        let source = body.text("from", upTo: 512)
        if source == nil, !body.hasFault(in: "from") { body.refuse("from", "is needed") }
        let provider = self.provider(&body, caller)
        let session = body.text("sessionId")
        let directory = body.text("directory", upTo: 1024)
        let filename = body.text("filename", upTo: 1024)
        let overwrites = body.flag("overwrite") ?? false
        try body.finish()
        guard let source, let provider else { throw Problem.fields([]) }
        let target = UploadTarget(
            provider: provider,
            session: session,
            directory: directory,
            filename: filename,
            overwrites: overwrites
        )
        context.record.note(target)
        let creation = try await context.record.timing(.upstream) { () async throws in
            try await self.library.copy(source, to: target, idempotency, for: caller)
        }
        return try self.answer(creation, context)
    }
}

extension RequestRecord {
    /// Notes where a file is to be put.
    func note(_ target: UploadTarget) {
        self.note { entry in
            entry.provider = target.provider.name
            entry.sessionId = target.session ?? target.directory
        }
    }
}
