// SPDX-License-Identifier: Apache-2.0

import Downloads

/// Gets the links to the bytes of Vagon's files, or to a zip of several, where it takes one by way of a job (providers.md, 4.4).
struct VagonLinks: Sendable {
    let api: VagonAPI
    let jobs: VagonJobs
    let sleep: @Sendable (Duration) async throws -> Void

    /// A link with where it came from.
    struct Found: Sendable {
        let url: String
        let contentType: String?
        /// The job that made it; `nil`: it was there at once.
        let job: String?
    }

    /// How a job is waited for by one request: with growing pauses, ten seconds in all.
    private static let pauses = [100, 200, 400, 800, 1600, 3200, 3700]

    /// A fresh link to a file's bytes, or to a zip of several files.
    ///
    /// Throws `notReady` where a job takes longer than a request may; the next request finds the same job going on.
    func link(_ files: [String]) async throws(ProviderError) -> Found {
        let file = Self.key(files)
        if let job = try await self.jobs.job(of: file) {
            do throws(ProviderError) {
                return try await self.wait(for: job, of: file, isNew: false)
            } catch {
                // The job is too old for Vagon: another one has to be started.
                guard error.kind == .notFound else { throw error }
                self.jobs.forget(job, of: file)
            }
        }
        let first: VagonAPI.Link
        do throws(ProviderError) {
            first = try await self.api.link(files: files)
        } catch {
            self.jobs.settle(file, job: nil)
            throw error
        }
        if let url = first.url {
            self.jobs.settle(file, job: nil)
            return Found(url: url, contentType: first.contentType, job: nil)
        }
        guard let job = self.jobs.settle(file, job: first.job) else { throw Self.notReady }
        do throws(ProviderError) {
            return try await self.wait(for: job, of: file, isNew: true)
        } catch {
            guard error.kind == .notFound else { throw error }
            self.jobs.forget(job, of: file)
            throw ProviderError(
                .upstream(status: 404),
                message: "Vagon does not know the job that it started; 'jobStatusPath' may be another.",
                cause: error.message
            )
        }
    }

    /// Takes back a link that the store refused; the next one is made by a new job, if by one at all.
    func refused(_ link: Found, of files: [String]) {
        if let job = link.job { self.jobs.forget(job, of: Self.key(files)) }
    }

    /// The same files have the same job, in whichever order.
    private static func key(_ files: [String]) -> String { files.sorted().joined(separator: ",") }

    private func wait(for job: String, of file: String, isNew: Bool) async throws(ProviderError) -> Found {
        for pause in (isNew ? [] : [0]) + Self.pauses {
            if pause > 0 {
                do { try await self.sleep(.milliseconds(pause)) } catch { throw .cancelled }
            }
            let state = try await self.api.job(job)
            if let url = state.url { return Found(url: url, contentType: state.contentType, job: job) }
            if let status = state.status?.lowercased(), ["failed", "error", "cancelled", "canceled"].contains(status) {
                self.jobs.forget(job, of: file)
                throw ProviderError(.upstream(status: 200), retry: .now, message: "Vagon could not prepare the file.")
            }
        }
        throw Self.notReady
    }

    // Not retried by a layer: the request has waited already, and its caller is told when to come again.
    private static var notReady: ProviderError {
        ProviderError(.notReady, retry: .after(.seconds(5)), message: "Vagon is still preparing the file.")
    }
}
