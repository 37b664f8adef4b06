// SPDX-License-Identifier: Apache-2.0

public import Gateway

/// Where a configuration is from, to be read again.
public struct ConfigurationSource: Sendable {
    /// The file; `nil`: the configuration that needs none.
    public let file: String?
    /// What `${NAME}` stands for.
    public let environment: [String: String]

    /// Names a source; nothing is read.
    public init(file: String?, environment: [String: String]) {
        self.file = file
        self.environment = environment
    }

    /// Reads it; throws every fault at once.
    public func read() throws(ConfigurationError) -> Configuration {
        try SluiceServer.configuration(file: self.file, environment: self.environment)
    }

    /// What changes when the file does; `nil` where there is none to see.
    var stamp: FileStamp? { self.file.flatMap { FileStamp($0) } }
}
