// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes

/// The configuration of a Vagon organisation: `credentials: [{apiKey, secret}]`, `baseURL`, and what is not documented well
/// enough to be sure of: `jobStatusPath`, `recordingsPath`, `contentPaths`.
struct VagonSettings: AdapterSettings {
    static let kind = "vagon"
    static let form = ProviderForm(
        defaultBaseURL: "https://api.vagon.io",
        credentialFields: ["apiKey", "secret"],
        settings: ["contentPaths", "jobStatusPath", "recordingsPath"]
    )

    let address: UpstreamAddress
    /// Where a download job's state is asked, with `{id}` for its id.
    let jobStatusPath: String
    /// Where session recordings are listed; `nil`: they are not.
    let recordingsPath: String?
    /// Folders on the machines, such as `C:\Users`, whose files are listed while the machine runs.
    let contentPaths: [String]

    init?(_ configuration: ProviderConfiguration) {
        self.jobStatusPath = Self.text("jobStatusPath", in: configuration) ?? "/files/download/{id}"
        self.recordingsPath = Self.text("recordingsPath", in: configuration)
        self.contentPaths = Self.contentPaths(in: configuration) ?? []
        guard !Self.form.credentials(in: configuration).isEmpty, let address = Self.form.address(in: configuration)
        else { return nil }
        self.address = address
    }

    static func capabilities(_ configuration: ProviderConfiguration) -> Capabilities { VagonProvider.promises }

    static func ownProblems(in configuration: ProviderConfiguration) -> [FieldProblem] {
        var problems: [FieldProblem] = []
        if !self.isPath(configuration.settings["jobStatusPath"], mustContain: "{id}") {
            problems.append(
                FieldProblem(field: "jobStatusPath", message: "must be a path such as /files/download/{id}")
            )
        }
        if !self.isPath(configuration.settings["recordingsPath"], mustContain: "/") {
            problems.append(
                FieldProblem(field: "recordingsPath", message: "must be a path such as /session-recordings")
            )
        }
        if self.contentPaths(in: configuration) == nil {
            problems.append(FieldProblem(field: "contentPaths", message: "must be a list of folders such as C:\\Users"))
        }
        return problems
    }

    func makeProvider(_ id: ProviderID, _ pool: CredentialPool, in environment: AdapterEnvironment) -> any Provider {
        let basePath = self.address.path
        let client = UpstreamClient(
            self.address,
            pool,
            in: environment,
            authorize: { credential, call in
                VagonKey(apiKey: Secret(credential["apiKey"]), secret: Secret(credential["secret"]))
                    .sign(call, basePath: basePath, nonce: environment.nonce(), time: environment.now())
            },
            refine: VagonAPI.refine
        )
        let api = VagonAPI(client: client, jobStatusPath: self.jobStatusPath)
        return VagonProvider(
            id: id,
            api: api,
            recordingsPath: self.recordingsPath,
            contentPaths: self.contentPaths,
            links: VagonLinks(api: api, jobs: VagonJobs(now: environment.now), sleep: environment.sleep)
        )
    }

    private static func text(_ name: String, in configuration: ProviderConfiguration) -> String? {
        guard case .string(let text) = configuration.settings[name] else { return nil }
        return Optional(text).nonEmpty
    }

    private static func isPath(_ value: JSONValue?, mustContain part: String) -> Bool {
        switch value {
        case nil, .null, .string(""): return true
        case .string(let path):
            let plain = path.replacing("{id}", with: "id")
            let isClean = plain.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x3F && $0 != 0x23 && $0 != 0x25 }
            return isClean && path.hasPrefix("/") && path.contains(part)
        default: return false
        }
    }

    private static func contentPaths(in configuration: ProviderConfiguration) -> [String]? {
        switch configuration.settings["contentPaths"] {
        case nil, .null: return []
        case .array(let values):
            let paths = values.compactMap { value -> String? in
                guard case .string(let path) = value else { return nil }
                return Optional(path).nonEmpty
            }
            return paths.count == values.count ? paths : nil
        default: return nil
        }
    }
}
