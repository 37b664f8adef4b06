// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOConcurrencyHelpers
import Simulators
import Transfer

/// Whoever gives up, at whatever moment, ends the upstream's work too.
enum CancellationChecks {
    private static let size: Int64 = 100_000_007

    static let all = [
        ConformanceCheck("cancelled before the head") { bench in
            let (_, download) = try await bench.oneFile()
            for (name, ask) in bench.questions(download) {
                let before = bench.requests.count
                bench.breakEverything(.stallBeforeHead)
                let task = Task { try await ask() }
                try await eventually("\(name): the request is there") { bench.requests.count > before }
                task.cancel()
                let error = try await bench.failure(name) { try await task.value }
                try requireEqual(error.kind, .cancelled, "\(name): kind")
                try await ConnectionChecks.requireClosed(bench)
                bench.mend()
            }
        },
        ConformanceCheck("cancelled before it began") { bench in
            let (_, download) = try await bench.oneFile()
            for (name, ask) in bench.questions(download) {
                let task = Task {
                    while !Task.isCancelled { await Task.yield() }
                    try await ask()
                }
                task.cancel()
                let error = try await bench.failure(name) { try await task.value }
                try requireEqual(error.kind, .cancelled, "\(name): kind")
                try await ConnectionChecks.requireClosed(bench)
                // Nor does it hold up whoever asks next.
                try await ask()
            }
        },
        ConformanceCheck("cancelled in the body", where: { !$0.has(.filesInArchive) }) { bench in
            let (_, download) = try await bench.oneFile(size: Self.size)
            for listener in bench.simulator.listeners where listener.baseURL == AnswerChecks.bytesAt(bench) {
                listener.faults.add(.stall(afterBytes: 500_000), times: 9)
            }
            let task = Task {
                let content = try await bench.provider.content(of: download.reference, ContentRequest())
                _ = try await bench.read(content.body)
            }
            try await eventually("bytes have come") { bench.requests.contains { $0.pushedBytes >= 500_000 } }
            task.cancel()
            let error = try await bench.failure("content") { try await task.value }
            try requireEqual(error.kind, .cancelled, "kind")
            try await ConnectionChecks.requireClosed(bench)
        },
        ConformanceCheck("a reader that stops reading stops the upstream", where: { !$0.has(.filesInArchive) }) {
            bench in
            let (_, download) = try await bench.oneFile(size: 1_000_000_007)
            let content = try await bench.provider.content(of: download.reference, ContentRequest())
            let task = Task {
                var iterator = content.body.makeAsyncIterator()
                _ = try await iterator.next()
                // The body is held, and nothing is read from it.
                try? await Task.sleep(for: .seconds(600))
                withExtendedLifetime(iterator) {}
            }
            try await Self.settle(bench)
            let pushed = bench.requests.map(\.pushedBytes).max() ?? 0
            try require(pushed > 0 && pushed < 64 << 20, "\(pushed) bytes were pushed to a reader that read a few")
            task.cancel()
            _ = await task.result
            try await ConnectionChecks.requireClosed(bench)
        },
        ConformanceCheck("a body that is let go of unread", where: { !$0.has(.filesInArchive) }) { bench in
            let (_, download) = try await bench.oneFile(size: Self.size)
            do { _ = try await bench.provider.content(of: download.reference, ContentRequest()) }
            try await ConnectionChecks.requireClosed(bench)
        },
        ConformanceCheck("a body that is let go of after some bytes", where: { !$0.has(.filesInArchive) }) { bench in
            let (_, download) = try await bench.oneFile(size: Self.size)
            do {
                let content = try await bench.provider.content(of: download.reference, ContentRequest())
                for try await _ in content.body { break }
            }
            try await ConnectionChecks.requireClosed(bench)
        },
        ConformanceCheck("an archive that is let go of", where: { $0.has(.filesInArchive) }) { bench in
            let (_, download) = try await bench.oneFile(size: 3_000_000)
            do {
                let content = try await bench.provider.content(of: download.reference, ContentRequest())
                for try await _ in content.body { break }
            }
            try await ConnectionChecks.requireClosed(bench)
        },
        ConformanceCheck("twenty cancelled at twenty moments leave nothing behind") { bench in
            let (file, download) = try await bench.oneFile(size: 1_000_003)
            for moment in 0..<20 {
                let task = Task { try await ReadingChecks.read(download.reference, bench) }
                for _ in 0..<(moment * 20) { await Task.yield() }
                task.cancel()
                switch await task.result {
                case .success(let bytes):
                    try requireEqual(bytes, ConformanceBench.bytes(of: file), "bytes of one that was quicker")
                case .failure(let error as ProviderError):
                    try requireEqual(error.kind, .cancelled, "kind")
                case .failure(let error):
                    throw error
                }
            }
            try await ConnectionChecks.requireClosed(bench)
            let bytes = try await ReadingChecks.read(download.reference, bench)
            try requireEqual(bytes, ConformanceBench.bytes(of: file), "bytes afterwards")
        },
    ]

    /// Waits until the upstream has pushed nothing more for a while.
    private static func settle(_ bench: ConformanceBench) async throws {
        let last = NIOLockedValueBox<(bytes: Int64, times: Int)>((-1, 0))
        try await eventually("the upstream is held back") {
            let now = bench.requests.map(\.pushedBytes).max() ?? 0
            return last.withLockedValue { known in
                known = known.bytes == now && now > 0 ? (now, known.times + 1) : (now, 0)
                return known.times >= 60
            }
        }
    }
}
