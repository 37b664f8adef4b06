// SPDX-License-Identifier: Apache-2.0

import Downloads
import Transfer

/// The configuration of a `web` provider: `connections`, `bytesPerKey`, `bytesTotal` and `retention`; it has no address and no credentials.
struct WebSettings: AdapterSettings {
    static let kind = "web"
    static let form = ProviderForm(
        defaultBaseURL: nil,
        credentialFields: [],
        settings: ["connections", "bytesPerKey", "bytesTotal", "retention"]
    )

    /// How many connections one file may take.
    let connections: Int
    let quota: WebQuota
    /// How long a file is kept; seconds, `nil`: for ever.
    let retention: Double?

    init?(_ configuration: ProviderConfiguration) {
        let settings = configuration.settings
        self.connections = settings["connections"].flatMap(Self.connections) ?? 4
        self.quota = WebQuota(
            perKey: settings["bytesPerKey"].flatMap(Self.bytes),
            total: settings["bytesTotal"].flatMap(Self.bytes)
        )
        self.retention = settings["retention"].flatMap(Self.seconds)
    }

    static func capabilities(_ configuration: ProviderConfiguration) -> Capabilities { WebProvider.promises }

    static func ownProblems(in configuration: ProviderConfiguration) -> [FieldProblem] {
        var problems: [FieldProblem] = []
        if configuration.baseURL.nonEmpty != nil {
            problems.append(FieldProblem(field: "baseURL", message: "is none for this kind, which asks any host"))
        }
        for name in ["bytesPerKey", "bytesTotal"] {
            guard let value = configuration.settings[name], value != .null, Self.bytes(value) == nil else { continue }
            problems.append(FieldProblem(field: name, message: "must be a size, such as 1000, 64KiB or 10GB"))
        }
        if let value = configuration.settings["connections"], value != .null, Self.connections(value) == nil {
            problems.append(FieldProblem(field: "connections", message: "must be a whole number from 1 to 16"))
        }
        if let value = configuration.settings["retention"], value != .null, Self.seconds(value) == nil {
            problems.append(FieldProblem(field: "retention", message: "must be a duration of at least 1s, such as 30d"))
        }
        return problems
    }

    func makeProvider(_ id: ProviderID, _ pool: CredentialPool, in environment: AdapterEnvironment) -> any Provider {
        WebProvider(
            id: id,
            folder: environment.web.folder(of: id.name),
            fetcher: WebFetcher(
                transfer: environment.transfer,
                limits: environment.limits,
                maxRedirects: environment.web.maxRedirects,
                maxBytes: environment.web.maxBytes,
                connections: self.connections,
                now: environment.now
            ),
            quota: self.quota,
            retention: self.retention,
            now: environment.now
        )
    }

    private static func bytes(_ value: JSONValue) -> Int64? {
        switch value {
        case .integer(let number): number >= 0 ? number : nil
        case .string(let text): Quantity.bytes(text)
        default: nil
        }
    }

    private static func connections(_ value: JSONValue) -> Int? {
        guard case .integer(let number) = value, (1...16).contains(number) else { return nil }
        return Int(number)
    }

    private static func seconds(_ value: JSONValue) -> Double? {
        guard case .string(let text) = value, let seconds = Quantity.seconds(text), seconds >= 1 else { return nil }
        return seconds
    }
}
