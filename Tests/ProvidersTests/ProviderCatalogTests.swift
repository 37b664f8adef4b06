// SPDX-License-Identifier: Apache-2.0

import Downloads
import Logging
import Testing
import Transfer

@testable import Providers

@Suite struct ProviderCatalogTests {
    private static let vendors = ["anchor", "browserbase", "hoody", "notte", "vagon"]

    private func configuration(
        _ kind: String,
        baseURL: String? = "http://127.0.0.1:1",
        credentials: [ProviderCredential]? = nil,
        settings: [String: JSONValue] = [:]
    ) throws -> ProviderConfiguration {
        ProviderConfiguration(
            id: try testID(kind),
            kind: kind,
            baseURL: baseURL,
            credentials: credentials ?? [defaultCredential(kind)],
            settings: settings
        )
    }

    private func fields(_ configuration: ProviderConfiguration) -> [String] {
        ProviderCatalog.problems(in: configuration).map(\.field)
    }

    private func entry(_ configuration: ProviderConfiguration) async throws -> ProviderSet.Entry {
        let transfer = makeTransfer()
        let catalog = ProviderCatalog(transfer: transfer, limits: TransferLimits(), logger: Logger(label: "test"))
        let entry = try catalog.makeEntry(configuration)
        await transfer.shutdown()
        return entry
    }

    @Test func knowsSixKinds() {
        #expect(ProviderCatalog.kinds == (Self.vendors + ["web"]).sorted())
    }

    @Test(arguments: vendors) func makesAProviderOfASoundConfiguration(_ kind: String) async throws {
        let entry = try await self.entry(try self.configuration(kind))
        let provider = try #require(entry.provider)
        #expect(provider.kind == kind)
        #expect(provider.id == entry.id)
        #expect(provider.capabilities == entry.capabilities)
        #expect(provider.capabilities.listsSessions)
        #expect(entry.health.snapshot.state == .ok)
    }

    @Test(arguments: vendors) func itsAddressIsShownBeforeItHasACredential(_ kind: String) async throws {
        let configured = try await self.entry(try self.configuration(kind, baseURL: "http://127.0.0.1:9"))
        let bare = try await self.entry(try self.configuration(kind, baseURL: "http://127.0.0.1:9", credentials: []))
        // Hoody needs no credential.
        #expect((bare.provider == nil) == (kind != "hoody"))
        #expect(bare.baseURL == configured.baseURL)
    }

    @Test(arguments: vendors) func isUnconfiguredWithoutAnythingToUse(_ kind: String) async throws {
        let empty = ProviderCredential(fields: defaultCredential(kind).fields.mapValues { _ in Secret("") })
        for credentials: [ProviderCredential] in [[], [empty], [[:]]] {
            let entry = try await self.entry(try self.configuration(kind, baseURL: "", credentials: credentials))
            #expect(entry.provider == nil)
            #expect(entry.health.snapshot.state == .unconfigured)
        }
    }

    @Test func usesTheVendorsAddressWhereNoneIsGiven() async throws {
        let entry = try await self.entry(try self.configuration("anchor", baseURL: nil))
        #expect(entry.baseURL == "https://api.anchorbrowser.io")
    }

    @Test func hoodyNeedsOnlyItsAddressAndNeverShowsIt() async throws {
        let host = "abc-def-files-1.node.containers.example"
        let entry = try await self.entry(try self.configuration("hoody", baseURL: "https://\(host)", credentials: []))
        #expect(entry.provider != nil)
        #expect(!entry.baseURL.contains("containers"))
    }

    @Test func listsTheCredentialsThatAreThere() async throws {
        let whole = ProviderCredential(label: "ours", fields: ["apiKey": Secret("k"), "secret": Secret("s")])
        let half: ProviderCredential = ["apiKey": Secret("k"), "secret": Secret("")]
        let empty: ProviderCredential = ["apiKey": Secret(""), "secret": Secret("")]
        for (credentials, states) in [([half, empty, whole], [.refused, .ok]), ([half], [.refused]), ([empty], [])]
            as [([ProviderCredential], [CredentialStatus.State])]
        {
            let entry = try await self.entry(try self.configuration("vagon", credentials: credentials))
            #expect((entry.provider == nil) == !states.contains(.ok))
            #expect(entry.credentials().map(\.state) == states)
            let shown = credentials.filter { $0 != empty }
            #expect(entry.credentials().map(\.fingerprint) == shown.map(\.fingerprint))
            #expect(entry.credentials().map(\.label) == shown.map(\.label))
        }
        let unplaced = try await self.entry(try self.configuration("hoody", baseURL: nil))
        #expect(unplaced.provider == nil)
        #expect(unplaced.credentials().map(\.state) == [.ok])
    }

    @Test func aRebuiltEntryKeepsTheStatesOfItsCredentials() async throws {
        let upstream = try await ScriptedUpstream.start { _, _ in .json("{}", status: 429) }
        let transfer = makeTransfer()
        let clock = TestClock()
        let catalog = ProviderCatalog(
            AdapterEnvironment(transfer: transfer, limits: TransferLimits(), now: { clock.now }),
            retry: RetryPolicy(retries: 0),
            logger: Logger(label: "test")
        )
        var configuration = try self.configuration("anchor", baseURL: upstream.baseURL)
        let first = try catalog.makeEntry(configuration)
        #expect(await failure { try await first.provider?.check() }?.kind == .rateLimited)
        #expect(first.credentials().map(\.state) == [.cooling])
        configuration.credentials.append(["apiKey": Secret("another")])
        let second = try catalog.makeEntry(configuration, keepingCredentialStatesOf: first)
        #expect(second.credentials().first == first.credentials().first)
        #expect(second.credentials().map(\.state) == [.cooling, .ok])
        // Another upstream knows nothing of it.
        configuration.baseURL = "http://127.0.0.1:2"
        let elsewhere = try catalog.makeEntry(configuration, keepingCredentialStatesOf: second)
        #expect(elsewhere.credentials().map(\.state) == [.ok, .ok])
        await transfer.shutdown()
        await upstream.stop()
    }

    @Test func webNeedsNothing() async throws {
        let entry = try await self.entry(try self.configuration("web", baseURL: nil, credentials: []))
        #expect(entry.provider != nil)
        #expect(entry.baseURL == "")
        #expect(entry.capabilities.create && entry.capabilities.cancel && entry.capabilities.delete)
        #expect(entry.health.snapshot.state == .ok)
    }

    @Test func webRefusesWhatItHasNoUseFor() throws {
        let settings: [String: JSONValue] = ["bytesPerKey": "many", "bytesTotal": -1, "retention": "0s", "quota": 1]
        let configuration = try self.configuration("web", credentials: [], settings: settings)
        #expect(self.fields(configuration) == ["quota", "baseURL", "bytesPerKey", "bytesTotal", "retention"])
        let sound: [String: JSONValue] = ["bytesPerKey": "10GB", "bytesTotal": 5, "retention": "30d"]
        #expect(self.fields(try self.configuration("web", baseURL: nil, credentials: [], settings: sound)).isEmpty)
    }

    @Test func namesEachUnknownThingWithItsPath() throws {
        var configuration = try self.configuration("browserbase", settings: ["apu": "x"])
        configuration.credentials = [
            ProviderCredential(label: "ours", fields: ["apiKey": Secret("k")]), ["apikey": Secret("k")],
        ]
        #expect(self.fields(configuration) == ["credentials[1].apikey", "apu"])
        #expect(self.fields(try self.configuration("ftp")) == ["kind"])
    }

    @Test(arguments: [
        "ftp://host", "host.example", "https://u:p@host", "https://host/?a=b", "https://host/#x", "https:// host",
        "https://",
    ])
    func refusesAnImpossibleBaseURL(_ url: String) throws {
        #expect(self.fields(try self.configuration("anchor", baseURL: url)) == ["baseURL"])
    }

    @Test func refusesACredentialThatNoHeaderCanHold() throws {
        let configuration = try self.configuration("anchor", credentials: [["apiKey": Secret("a\r\nX: y")]])
        #expect(self.fields(configuration) == ["credentials[0].apiKey"])
        #expect(ProviderCatalog.problems(in: configuration).allSatisfy { !$0.message.contains("X: y") })
    }

    @Test func readsNottesGeneration() async throws {
        #expect(self.fields(try self.configuration("notte", settings: ["api": "v2"])) == ["api"])
        #expect(self.fields(try self.configuration("notte", settings: ["api": 1])) == ["api"])
        let storage = try await self.entry(try self.configuration("notte"))
        let files = try await self.entry(try self.configuration("notte", settings: ["api": "files"]))
        #expect(!storage.capabilities.delete)
        #expect(files.capabilities.delete)
    }

    @Test func readsVagonsPaths() throws {
        #expect(self.fields(try self.configuration("vagon", settings: ["jobStatusPath": "/x"])) == ["jobStatusPath"])
        #expect(
            self.fields(try self.configuration("vagon", settings: ["jobStatusPath": "/x/{id}?a"])) == ["jobStatusPath"]
        )
        #expect(self.fields(try self.configuration("vagon", settings: ["recordingsPath": "x"])) == ["recordingsPath"])
        #expect(self.fields(try self.configuration("vagon", settings: ["contentPaths": "x"])) == ["contentPaths"])
        let sound: [String: JSONValue] = [
            "jobStatusPath": "/x/{id}", "recordingsPath": "/r", "contentPaths": .array([.string("C:\\Users")]),
        ]
        #expect(self.fields(try self.configuration("vagon", settings: sound)).isEmpty)
    }

    @Test(arguments: vendors) func aRefusedFileProblemStopsTheEntry(_ kind: String) async throws {
        let configuration = try self.configuration(kind, settings: ["nonsense": true])
        await #expect(throws: FieldProblem.self) { try await self.entry(configuration) }
    }

    @Test(arguments: vendors) func litellm24902_descriptionsHoldNoSecret(_ kind: String) async throws {
        let entry = try await self.entry(try self.configuration(kind))
        var dumped = ""
        dump(entry, to: &dumped)
        #expect(!"\(entry)".contains("very_secret"))
        #expect(!dumped.contains("very_secret"))
        #expect(kind != "hoody" || !dumped.contains("127.0.0.1"))
    }
}
