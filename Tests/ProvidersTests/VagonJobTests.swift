// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Simulators
import Synchronization
import Testing
import Transfer

@testable import Providers

/// Files of Vagon's whose link takes a job: it is started once, and found again.
@Suite(.timeLimit(.minutes(1)))
struct VagonJobTests {
    private static let status = "GET /organization-management/v1/files/download"

    private static let start = "POST /organization-management/v1/files/download"

    private let reference: @Sendable (any Provider) -> DownloadReference = {
        DownloadReference(provider: $0.id, session: nil, item: "f:123")
    }

    @Test func theNextRequestFindsTheJobGoingOn() async throws {
        let isReady = Mutex(false)
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, base in
            if line == Self.start { return .json(#"{"url":null,"download_id":5085}"#) }
            if line.hasPrefix("GET /s3") { return .bytes("late") }
            return .json(isReady.withLock(\.self) ? #"{"url":"\#(base)/s3"}"# : #"{"id":5085,"url":null}"#)
        }
        try await withScripted("vagon", answer: answer) { (provider, upstream) async throws in
            let error = await failure { try await provider.content(of: self.reference(provider), ContentRequest()) }
            #expect(error?.kind == .notReady)
            #expect(error?.retry == .after(.seconds(5)))
            #expect(upstream.lines.count == 8)
            isReady.withLock { $0 = true }
            for _ in 1...2 {
                let content = try await provider.content(of: self.reference(provider), ContentRequest())
                #expect(try await text(of: content) == "late")
            }
            #expect(upstream.lines.count { $0 == Self.start } == 1)
            #expect(upstream.lines.count { $0 == "\(Self.status)/5085" } == 9)
        }
    }

    @Test func readersAtOnceShareOneJob() async throws {
        let library = SimulatedLibrary()
        var options = VagonSimulator.Options()
        options.jobForSingleFile = true
        options.jobPolls = 3
        let simulator = try await VagonSimulator.start(library: library, options: options)
        let transfer = makeTransfer()
        let file = library.addFile("big.bin", size: 50_000)
        let credential = ProviderCredential(fields: simulator.credentials.mapValues { Secret($0) })
        let provider = try makeProvider(
            "vagon",
            baseURL: simulator.baseURL,
            credentials: [credential],
            transfer: transfer,
            now: { Date() }
        )
        let reference = DownloadReference(provider: provider.id, session: nil, item: "f:\(file.number)")
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 1...6 {
                group.addTask {
                    try await provider.content(of: reference, ContentRequest()).body.reduce(0) { $0 + $1.readableBytes }
                }
            }
            for try await count in group { #expect(count == 50_000) }
        }
        #expect(simulator.requests.count { $0.method == "POST" } == 1)
        #expect(simulator.storage?.requests.allSatisfy { $0.header("Authorization") == nil } == true)
        await simulator.stop()
        await transfer.shutdown()
    }

    @Test func aRefusedLinkIsAskedAnewOfTheSameJob() async throws {
        let links = Mutex(0)
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, base in
            if line == Self.start { return .json(#"{"url":null,"download_id":7}"#) }
            if line == "GET /s3?1" { return ScriptedAnswer(status: 403, body: "expired") }
            if line.hasPrefix("GET /s3") { return .bytes("fresh") }
            let number = links.withLock { count in
                count += 1
                return count
            }
            return .json(#"{"url":"\#(base)/s3?\#(number)"}"#)
        }
        try await withScripted("vagon", answer: answer) { (provider, upstream) async throws in
            let content = try await provider.content(of: self.reference(provider), ContentRequest())
            #expect(try await text(of: content) == "fresh")
            #expect(upstream.lines.count { $0 == Self.start } == 1)
        }
    }

    @Test func aJobThatVagonForgotIsStartedAnew() async throws {
        let jobs = Mutex(0)
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, base in
            if line == Self.start {
                let number = jobs.withLock { count in
                    count += 1
                    return count
                }
                return .json(#"{"url":null,"download_id":\#(number)}"#)
            }
            if line.hasPrefix("GET /s3") { return .bytes("bytes") }
            let isKnown = line == "\(Self.status)/\(jobs.withLock(\.self))"
            return isKnown ? .json(#"{"url":"\#(base)/s3"}"#) : .json(#"{"client_code":404}"#, status: 404)
        }
        try await withScripted("vagon", answer: answer) { (provider, upstream) async throws in
            for _ in 1...2 {
                let content = try await provider.content(of: self.reference(provider), ContentRequest())
                #expect(try await text(of: content) == "bytes")
                jobs.withLock { if $0 == 1 { $0 = 10 } }
            }
            #expect(upstream.lines.count { $0 == Self.start } == 2)
        }
    }

    @Test func aWrongStatusPathIsNotTakenForAMissingFile() async throws {
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, _ in
            line == Self.start ? .json(#"{"url":null,"download_id":7}"#) : .json(#"{"client_code":404}"#, status: 404)
        }
        try await withScripted("vagon", answer: answer) { (provider, _) async throws in
            let error = await failure { try await provider.content(of: self.reference(provider), ContentRequest()) }
            #expect(error?.kind == .upstream(status: 404))
        }
    }
}
