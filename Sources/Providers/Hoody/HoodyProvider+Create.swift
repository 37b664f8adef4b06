// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Transfer

extension HoodyProvider {
    /// Refuses what the server cannot be told, and URLs that the egress policy refuses.
    func plan(_ request: CreateRequest) async throws(ProviderError) -> CreatePlan {
        try await self.check(request.url)
        guard request.headers.isEmpty, request.checksum == nil else {
            throw ProviderError(
                .invalidRequest,
                message: "The provider '\(self.id)' cannot send 'headers' or hold a file to a 'checksum'."
            )
        }
        let folder = try Self.folder(request)
        return CreatePlan(
            session: folder.session,
            name: Self.name(request),
            host: Origin(of: request.url)?.host ?? ""
        )
    }

    func create(_ work: CreateWork, _ report: CreateReport) async throws(ProviderError) -> Download {
        try await self.creation(work, report).run()
    }

    func abandon(_ work: CreateWork) async throws(ProviderError) {
        let nobody = CreateReport(progress: { _ in }, keep: { _, _ in })
        try await self.creation(work, nobody).abandon()
    }

    private func creation(_ work: CreateWork, _ report: CreateReport) throws(ProviderError) -> HoodyCreation {
        HoodyCreation(
            provider: self,
            work: work,
            report: report,
            folder: try Self.folder(work.request),
            name: Self.name(work.request),
            now: self.now
        )
    }

    private static func folder(_ request: CreateRequest) throws(ProviderError) -> HoodyPath {
        guard let folder = HoodyPath(request.directory ?? "") else {
            throw ProviderError(.invalidRequest, message: "The field 'directory' is no path on the server.")
        }
        return folder
    }

    /// Said to the server in any case, so that the transfer can be told from others.
    private static func name(_ request: CreateRequest) -> String {
        SafeFilename.make(from: request.filename ?? URLName.read(request.url) ?? "")
    }
}
