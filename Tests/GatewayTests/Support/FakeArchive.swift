// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Synchronization

/// An upstream's archive of a container, scripted.
final class FakeArchive: ArchivedFiles {
    enum Step: Sendable {
        case file(DownloadReference, Data)
        /// A file whose bytes break off after these.
        case brokenFile(DownloadReference, Data)
        /// The archive itself breaks here.
        case failure(ProviderError)
    }

    private let steps: Mutex<ArraySlice<Step>>

    init(_ steps: [Step]) { self.steps = Mutex(steps[...]) }

    func next() async throws(ProviderError) -> ArchivedFile? {
        switch self.steps.withLock({ $0.popFirst() }) {
        case nil: return nil
        case .file(let reference, let data): return ArchivedFile(reference: reference, body: FakeBody(data).body)
        case .brokenFile(let reference, let data):
            return ArchivedFile(reference: reference, body: FakeBody(data, ending: .broken).body)
        case .failure(let error): throw error
        }
    }
}
