// SPDX-License-Identifier: Apache-2.0

import Downloads
import Simulators

/// One kind of provider with its simulator, and how it differs from the others by nature.
struct ProviderHarness: Sendable {
    /// What an upstream has or lacks; each is a fact of `providers.md`, not a licence.
    enum Difference: Sendable {
        /// Of two files with one name only the later is there.
        case namesAreIdentity
        /// A name is one part of a path, so that it has no slash and is no dot segment.
        case namesArePathParts
        /// It names a SHA-256.
        case hasChecksum
        /// It names a media type.
        case hasMimeType
        /// Its times have no fraction.
        case timesInSeconds
        /// Some of its files have no time.
        case timesMayLack
        /// Its sessions are machines with numbers for ids.
        case sessionsAreMachines
        /// Its sessions are folders, without a time of their own.
        case sessionsAreFolders
        /// Its bytes come from presigned links.
        case bytesBehindLinks
        /// It has an archive of a whole session.
        case archives
        /// Its files come out of one archive, and cannot be removed from it.
        case filesInArchive
        /// An item's identity needs no session next to it.
        case idsStandAlone
        /// It lists more files than those that a browser downloaded, and says which are which.
        case holdsUploads
    }

    let name: String
    let kind: String
    var settings: [String: JSONValue] = [:]
    var differences: Set<Difference> = []
    /// Wire fields that the vendor may leave out of an item.
    var optionalFields: Set<String> = []
    let start: @Sendable (SimulatedLibrary, @escaping SimulatorClock) async throws -> any Simulator

    func has(_ difference: Difference) -> Bool { self.differences.contains(difference) }

    static let all = [
        browserbase, browserbaseZip, anchor, anchorRedirected, notteStorage, notteFiles, vagon, hoody, hoodyNewer,
    ]

    static let browserbase = ProviderHarness(
        name: "browserbase",
        kind: "browserbase",
        differences: [.hasChecksum, .hasMimeType, .idsStandAlone],
        start: { library, _ in try await BrowserbaseSimulator.start(library: library) }
    )

    static let browserbaseZip = ProviderHarness(
        name: "browserbase-zip",
        kind: "browserbase",
        differences: [.archives, .filesInArchive],
        start: { library, _ in
            try await BrowserbaseSimulator.start(library: library, options: .init(downloadsAPI: false))
        }
    )

    private static let anchorFields: Set<String> = [
        "original_download_url", "origin_url", "original_file_name", "duration", "size", "created_at",
    ]

    static let anchor = ProviderHarness(
        name: "anchor",
        kind: "anchor",
        optionalFields: anchorFields,
        start: { try await AnchorSimulator.start(library: $0, now: $1) }
    )

    static let anchorRedirected = ProviderHarness(
        name: "anchor-redirected",
        kind: "anchor",
        differences: [.bytesBehindLinks],
        optionalFields: anchorFields,
        start: { try await AnchorSimulator.start(library: $0, options: .init(links: .redirected), now: $1) }
    )

    static let notteStorage = ProviderHarness(
        name: "notte-storage",
        kind: "notte",
        settings: ["api": "storage"],
        differences: [.namesAreIdentity, .timesMayLack, .bytesBehindLinks],
        optionalFields: ["updated_at"],
        start: { try await NotteSimulator.start(library: $0, generation: .storage, now: $1) }
    )

    static let notteFiles = ProviderHarness(
        name: "notte-files",
        kind: "notte",
        settings: ["api": "files"],
        differences: [.hasMimeType, .holdsUploads],
        start: { try await NotteSimulator.start(library: $0, generation: .files, now: $1) }
    )

    static let vagon = ProviderHarness(
        name: "vagon",
        kind: "vagon",
        differences: [.archives, .timesInSeconds, .sessionsAreMachines, .bytesBehindLinks, .idsStandAlone],
        start: { try await VagonSimulator.start(library: $0, now: $1) }
    )

    static let hoody = ProviderHarness(
        name: "hoody",
        kind: "hoody",
        differences: [.namesAreIdentity, .namesArePathParts, .timesInSeconds, .sessionsAreFolders],
        start: { try await HoodySimulator.start(library: $0, now: $1) }
    )

    static let hoodyNewer = ProviderHarness(
        name: "hoody-newer",
        kind: "hoody",
        differences: [.namesAreIdentity, .namesArePathParts, .timesInSeconds, .sessionsAreFolders],
        start: { try await HoodySimulator.start(library: $0, options: .init(generation: .newer), now: $1) }
    )
}
