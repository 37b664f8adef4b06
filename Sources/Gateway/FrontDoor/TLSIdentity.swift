// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import NIOSSL
import ServiceLifecycle

/// The files that hold the gateway's certificate and its key.
public struct TLSFiles: Hashable, Sendable {
    /// The certificate and, after it, those between it and the root; PEM.
    public var certificate: String
    /// The certificate's private key; PEM, without a passphrase.
    public var privateKey: String

    /// Names the files.
    public init(certificate: String, privateKey: String) {
        self.certificate = certificate
        self.privateKey = privateKey
    }
}

/// What the gateway shows of itself in TLS; read again when its files change, so that a renewal drops no connection.
struct TLSIdentity: Service {
    let files: TLSFiles
    private let context: Live<NIOSSLContext>
    private let logger: Logger

    /// Files are read once they have been the same for this long: a renewal writes two.
    private static let interval = Duration.seconds(2)

    /// Reads the files; throws where they cannot be used.
    init(_ files: TLSFiles, logger: Logger) throws {
        self.files = files
        self.context = Live(try Self.context(files))
        self.logger = logger
    }

    /// For the next connection.
    var current: NIOSSLContext { self.context.current }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var known = self.stamps
            var last = known
            while (try? await Task.sleep(for: Self.interval)) != nil {
                let now = self.stamps
                if now != known, now == last {
                    known = now
                    self.reload()
                }
                last = now
            }
        }
    }

    /// Reads the files again; what cannot be used is said, and the old certificate stays.
    func reload() {
        do {
            self.context.replace(try Self.context(self.files))
            self.logger.info("The certificate was read again.")
        } catch {
            self.logger.error(
                "The new certificate cannot be used; the old one stays.",
                metadata: ["error": "\(Self.reason(error))"]
            )
        }
    }

    /// What is wrong with the files; `nil`: nothing.
    static func problem(with files: TLSFiles) -> String? {
        do {
            _ = try Self.context(files)
            return nil
        } catch {
            return Self.reason(error)
        }
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? Problem else { return "certificate and private key do not go together: \(error)" }
        return error.message
    }

    private struct Problem: Error {
        let message: String
    }

    private static func context(_ files: TLSFiles) throws -> NIOSSLContext {
        guard let chain = try? NIOSSLCertificate.fromPEMFile(files.certificate), !chain.isEmpty else {
            throw Problem(message: "no certificate can be read from '\(files.certificate)'")
        }
        guard let key = try? NIOSSLPrivateKey(file: files.privateKey, format: .pem) else {
            throw Problem(message: "no private key can be read from '\(files.privateKey)'")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["h2", "http/1.1"]
        return try NIOSSLContext(configuration: configuration)
    }

    /// What changes when a file does; links are followed, since a renewal may move them.
    private var stamps: [FileStamp?] { [self.files.certificate, self.files.privateKey].map { FileStamp($0) } }
}
