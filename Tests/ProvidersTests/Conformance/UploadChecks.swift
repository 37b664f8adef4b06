// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Simulators

/// A file that is put in is there whole, or there is nothing that looks like it.
enum UploadChecks {
    static let all = [
        ConformanceCheck("what cannot be given a file refuses without a request") { bench in
            guard !bench.provider.capabilities.upload else { return }
            let (source, work) = (TestSource(10), Self.work(bench, bench.addSession()))
            let provider = bench.provider
            for (name, ask) in [
                ("plan", { () async throws in _ = try await provider.plan(work.request) }),
                ("occupant", { () async throws in _ = try await provider.occupant(work.request) }),
                (
                    "upload",
                    { () async throws in _ = try await provider.upload(work, from: source.source(), source.report) }
                ),
                ("abandon", { () async throws in try await provider.abandon(work) }),
            ] {
                try requireEqual(try await bench.failure(name, ask).kind, .unsupported, "kind of \(name)")
            }
            try requireEqual(bench.requests.count, 0, "requests")
        },
        ConformanceCheck("a file that is given is there as it was", where: \.takesFiles) { bench in
            for size in [0, 1, 100_003] {
                let (source, session) = (TestSource(size), bench.addSession())
                let work = Self.work(bench, session)
                let plan = try await bench.provider.plan(work.request)
                try requireEqual(plan.session, session, "session of the plan")
                try requireEqual(try await bench.provider.occupant(work.request), nil, "occupant before")
                let given = try await bench.provider.upload(work, from: source.source(), source.report)
                try requireEqual(given.name, "given.pdf", "name")
                try requireEqual(given.size, Int64(size), "size")
                try requireEqual(given.reference.session, session, "session")
                try requireEqual(Self.held(bench, session).map(\.contents.sha256), [source.sha256], "bytes upstream")
                try requireEqual(try await bench.provider.occupant(work.request), given.reference, "occupant after")
                try requireEqual(try await bench.provider.download(given.reference).size, Int64(size), "size known")
                let bytes = try await ReadingChecks.read(given.reference, bench)
                try requireEqual(bytes.sha256, source.sha256, "bytes read back")
                if size > 0 { try requireEqual(source.progress.last?.receivedBytes, Int64(size), "progress") }
            }
        },
        ConformanceCheck("a name that is taken", where: \.takesFiles) { bench in
            let (first, second, session) = (TestSource(1000), TestSource(2000), bench.addSession())
            _ = try await bench.provider.upload(Self.work(bench, session), from: first.source(), first.report)
            let error = try await bench.failure("upload") {
                let work = Self.work(bench, session)
                _ = try await bench.provider.upload(work, from: second.source(), second.report)
            }
            try requireEqual(error.kind, .conflict, "kind")
            try requireEqual(Self.held(bench, session).map(\.contents.sha256), [first.sha256], "bytes upstream")
            let work = Self.work(bench, session, overwrites: true)
            _ = try await bench.provider.upload(work, from: second.source(), second.report)
            try requireEqual(Self.held(bench, session).map(\.contents.sha256), [second.sha256], "bytes overwritten")
        },
        ConformanceCheck("names with quotes and marks are given as they are", where: \.takesFiles) { bench in
            let session = bench.addSession()
            for name in ["a \"b\" & c.txt", "Äußerung 100% #1?.pdf", "数据;x=1.bin"] {
                let (source, work) = (TestSource(30), Self.work(bench, session, name: name))
                let given = try await bench.provider.upload(work, from: source.source(), source.report)
                try requireEqual(Self.held(bench, session, name).count, 1, "files called \(name)")
                try requireEqual(try await bench.provider.download(given.reference).name, name, "name")
            }
        },
        ConformanceCheck("a request that breaks off leaves nothing, and comes at the next try", where: \.takesFiles) {
            bench in
            let (source, session) = (TestSource(80_003), bench.addSession())
            let work = Self.work(bench, session)
            // More often than one try may begin anew.
            for listener in bench.simulator.listeners {
                listener.faults.add(.cutRequest(afterBytes: 50_000), times: 4) { request in
                    Int(request.header("Content-Length") ?? "") ?? 0 > 50_000
                }
            }
            let error = try await bench.failure("upload") {
                _ = try await bench.provider.upload(work, from: source.source(), source.report)
            }
            try require(error.retry != .never, "no other try after \(error)")
            try requireEqual(Self.held(bench, session).count, 0, "files left")
            bench.mend()
            try await Self.goOn(bench, session, work, source)
            try requireEqual(Self.held(bench, session).map(\.contents.sha256), [source.sha256], "bytes upstream")
        },
        ConformanceCheck("a source that breaks off is the reason, and nothing is left", where: \.takesFiles) { bench in
            let session = bench.addSession()
            let gone = ProviderError.notFound("The source is gone.")
            let source = TestSource(80_003, breaks: Array(repeating: (at: 50_000, error: gone), count: 4))
            let work = Self.work(bench, session)
            let error = try await bench.failure("upload") {
                _ = try await bench.provider.upload(work, from: source.source(), source.report)
            }
            try requireEqual(error.kind, .notFound, "kind")
            try requireEqual(error.message, gone.message, "message")
            try await bench.provider.abandon(Self.work(bench, session, id: work.id, checkpoint: source.checkpoint))
            try requireEqual(Self.held(bench, session).count, 0, "files left")
        },
        ConformanceCheck("a source of another length is not taken for whole", where: \.takesFiles) { bench in
            for promised in [Int64(70_000), 90_000] {
                let (source, session) = (TestSource(80_003), bench.addSession())
                let work = Self.work(bench, session)
                _ = try await bench.failure("upload of \(promised)") {
                    _ = try await bench.provider.upload(work, from: source.source(size: promised), source.report)
                }
                try await bench.provider.abandon(
                    Self.work(bench, session, id: work.id, checkpoint: source.checkpoint)
                )
                try requireEqual(Self.held(bench, session).count, 0, "files left of \(promised)")
            }
        },
        ConformanceCheck("an upload that is cancelled ends, and leaves nothing", where: \.takesFiles) { bench in
            let (source, session) = (TestSource(80_003), bench.addSession())
            let work = Self.work(bench, session)
            let endless = UploadSource(size: 80_003, revision: "r1") { _ async throws(ProviderError) in
                ContentBody {
                    var isFirst = true
                    return { () async throws(ProviderError) -> ByteBuffer? in
                        if !isFirst {
                            do { try await Task.sleep(for: .seconds(600)) } catch { throw .cancelled }
                        }
                        isFirst = false
                        return source.bytes.getSlice(at: 0, length: 1000)
                    }
                }
            }
            let provider = bench.provider
            let upload = Task { () async throws in
                try await provider.upload(work, from: endless, source.report)
            }
            try await eventually("the first bytes are sent") { !source.progress.isEmpty }
            upload.cancel()
            let error = try await bench.failure("upload") { _ = try await upload.value }
            try requireEqual(error.kind, .cancelled, "kind")
            try await bench.provider.abandon(Self.work(bench, session, id: work.id, checkpoint: source.checkpoint))
            try await eventually("nothing is left") { Self.held(bench, session).isEmpty }
        },
    ]

    /// Tries again, as a job would, with what was kept.
    private static func goOn(
        _ bench: ConformanceBench,
        _ session: String,
        _ work: UploadWork,
        _ source: TestSource
    ) async throws {
        for left in [1, 0] {
            let again = Self.work(bench, session, id: work.id, checkpoint: source.checkpoint)
            do {
                _ = try await bench.provider.upload(again, from: source.source(), source.report)
                return
            } catch {
                // The links of what was begun have expired meanwhile: then the next try begins anew.
                guard left > 0, error.retry != .never else { throw error }
            }
        }
    }

    /// What the upstream holds under a name.
    private static func held(
        _ bench: ConformanceBench,
        _ session: String,
        _ name: String = "given.pdf"
    ) -> [SimulatedFile] {
        bench.library.files.filter { $0.session == session && $0.name == name && !$0.isFolder }
    }

    static func work(
        _ bench: ConformanceBench,
        _ session: String,
        name: String = "given.pdf",
        overwrites: Bool = false,
        id: UUID = UUID(),
        checkpoint: Data? = nil
    ) -> UploadWork {
        let isFolder = bench.harness.has(.sessionsAreFolders)
        let request = UploadRequest(
            session: isFolder ? nil : session,
            directory: isFolder ? session : nil,
            filename: name,
            mimeType: "application/pdf",
            overwrites: overwrites
        )
        return UploadWork(id: id, owner: "tester", createdAt: Date(), request: request, checkpoint: checkpoint)
    }
}

extension ProviderHarness {
    /// Whether its vendor can be given files.
    fileprivate var takesFiles: Bool { ["notte", "vagon", "hoody"].contains(self.kind) }
}
