// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@Suite struct DownloadFilterTests {
    private func download(
        _ name: String = "Report.PDF",
        type: String? = "application/pdf; charset=binary",
        size: Int64? = 10,
        at seconds: Double? = 100,
        status: DownloadStatus = .completed
    ) throws -> Download {
        Download(
            reference: DownloadReference(provider: try #require(ProviderID("p")), session: nil, item: "i"),
            name: name,
            mimeType: type,
            size: size,
            status: status,
            createdAt: seconds.map { Date(timeIntervalSince1970: $0) }
        )
    }

    @Test func emptyMatchesEverything() throws {
        #expect(DownloadFilter().matches(try self.download(size: nil, at: nil)))
    }

    @Test func nameIsExactAndPartIgnoresCase() throws {
        let download = try self.download()
        #expect(DownloadFilter(filename: "Report.PDF").matches(download))
        #expect(!DownloadFilter(filename: "report.pdf").matches(download))
        #expect(DownloadFilter(nameContains: "ePoRt").matches(download))
        #expect(!DownloadFilter(nameContains: "xls").matches(download))
    }

    @Test func exactNameMeansTheSafeOneOrTheUpstreams() throws {
        let download = try self.download("dir/evil.pdf")
        #expect(DownloadFilter(filename: "evil.pdf").matches(download))
        #expect(DownloadFilter(filename: "dir/evil.pdf").matches(download))
    }

    @Test func mediaTypesMatchWithoutParametersAndByFamily() throws {
        let download = try self.download()
        #expect(DownloadFilter(mimeType: "Application/PDF").matches(download))
        #expect(DownloadFilter(mimeType: "application/*").matches(download))
        #expect(!DownloadFilter(mimeType: "app/*").matches(download))
        #expect(!DownloadFilter(mimeType: "image/*").matches(download))
        #expect(!DownloadFilter(mimeType: "image/*").matches(try self.download("x", type: nil)))
    }

    @Test func boundsAreInclusive() throws {
        let download = try self.download()
        #expect(DownloadFilter(minSize: 10, maxSize: 10).matches(download))
        #expect(!DownloadFilter(minSize: 11).matches(download))
        #expect(!DownloadFilter(maxSize: 9).matches(download))
        let time = Date(timeIntervalSince1970: 100)
        #expect(DownloadFilter(createdAfter: time, createdBefore: time).matches(download))
        #expect(!DownloadFilter(createdAfter: time + 1).matches(download))
        #expect(!DownloadFilter(createdBefore: time - 1).matches(download))
    }

    @Test func unknownFieldsFailTheirFilters() throws {
        let unknown = try self.download(size: nil, at: nil)
        #expect(!DownloadFilter(minSize: 0).matches(unknown))
        #expect(!DownloadFilter(maxSize: .max - 1).matches(unknown))
        #expect(!DownloadFilter(createdAfter: .distantPast + 1).matches(unknown))
        #expect(!DownloadFilter(createdBefore: .distantFuture - 1).matches(unknown))
    }

    @Test func statusesAreAlternatives() throws {
        let filter = DownloadFilter(statuses: [.queued, .downloading])
        #expect(filter.matches(try self.download(status: .queued)))
        #expect(!filter.matches(try self.download(status: .completed)))
    }

    @Test func narrowingKeepsOnlyWhatTheUpstreamApplies() {
        let filter = DownloadFilter(
            filename: "a",
            nameContains: "b",
            mimeType: "image/png",
            minSize: 1,
            statuses: [.failed]
        )
        #expect(filter.narrowed(to: [.filename, .mimeType]) == DownloadFilter(filename: "a", mimeType: "image/png"))
        #expect(filter.narrowed(to: []) == DownloadFilter())
        #expect(DownloadFilter(mimeType: "image/*").narrowed(to: [.mimeType]) == DownloadFilter())
    }
}
