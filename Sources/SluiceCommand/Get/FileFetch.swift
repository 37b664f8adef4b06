// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import NIOCore
import Transfer

/// Fetches one download into a file, going on where it was broken off.
struct FileFetch {
    let caller: GatewayCaller
    let download: RemoteDownload
    let target: OutputFile
    /// What the user says that the SHA-256 is.
    let checksum: String?

    /// Tries without a byte in between.
    private static let mostTries = 5

    /// Fetches, checks, and puts the file in its place; answers its length.
    func run(progress: (_ received: Int64, _ total: Int64?) -> Void) async throws -> Int64 {
        var (part, tries, last) = (nil as PartFile?, 0, Int64(-1))
        while true {
            do {
                let response = try await self.open(&part)
                guard let part else { continue }
                try await Self.read(response, into: part) { progress($0, $1) }
                try await self.check(part)
                try self.target.take(part)
                return part.count
            } catch let failure as GetFailure where failure.mayRetry {
                let count = part?.count ?? 0
                tries = count > last ? 1 : tries + 1
                last = max(last, count)
                guard tries < Self.mostTries else { throw failure }
                try await Task.sleep(for: .seconds(1 << (tries - 1)))
            }
        }
    }

    /// Asks for what is missing; the file may have become another one since the last try.
    private func open(_ part: inout PartFile?) async throws -> TransferResponse {
        let etag = try await self.caller.etag(of: self.download.id)
        let known = try self.target.part(of: etag)
        part = known
        let rest = try await self.caller.content(self.download.id, from: known.count, etag: etag)
        switch rest.status {
        case 206 where rest.headers[.contentRange]?.hasPrefix("bytes \(known.count)-") == true: break
        // All of it had come before.
        case 416 where known.count == self.download.size: break
        case 200: try known.clear()
        default:
            try known.clear()
            throw GetFailure(message: "The gateway's answer is not the rest of the file.", mayRetry: true)
        }
        return rest
    }

    private static func read(
        _ response: TransferResponse,
        into part: PartFile,
        progress: (_ received: Int64, _ total: Int64?) -> Void
    ) async throws {
        guard response.status != 416 else { return }
        let length = response.headers[.contentLength].flatMap { Int64($0) }
        let total = length.flatMap { length in
            let sum = part.count.addingReportingOverflow(length)
            return sum.overflow ? nil : sum.partialValue
        }
        var bytes = response.body.makeAsyncIterator()
        do throws(TransferError) {
            while let buffer = try await bytes.next() {
                do { try part.add(buffer) } catch { throw TransferError(.closed, detail: "\(error)") }
                progress(part.count, total)
            }
        } catch {
            guard error.kind != .closed else { throw GetFailure(message: "\(part.path): \(error.detail)") }
            throw GetFailure(message: "The gateway broke off: \(error.detail)", mayRetry: true)
        }
    }

    /// Holds the whole file against its length and against every digest that is known of it.
    private func check(_ part: PartFile) async throws {
        // Asked after the last byte: the gateway may have measured the digest just now.
        let now = try await self.caller.metadata(self.download.id)
        if let size = now.size, size != part.count {
            try part.clear()
            throw GetFailure(message: "The file has \(size) bytes, and \(part.count) came.", mayRetry: true)
        }
        for expected in [self.checksum?.lowercased(), now.checksum].compactMap(\.self) where expected != part.digest {
            let digest = part.digest
            try part.clear()
            throw GetFailure(message: "The file's SHA-256 is \(digest), and should be \(expected). Nothing was kept.")
        }
    }
}
