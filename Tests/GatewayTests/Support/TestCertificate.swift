// SPDX-License-Identifier: Apache-2.0

import Foundation

@testable import Gateway

/// A certificate for localhost that signed itself, in a folder of its own.
final class TestCertificate: Sendable {
    let files: TLSFiles
    private let folder: URL

    init() throws {
        self.folder = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        self.files = TLSFiles(certificate: self.folder.path + "/cert.pem", privateKey: self.folder.path + "/key.pem")
        try self.renew()
    }

    deinit { try? FileManager.default.removeItem(at: self.folder) }

    /// Puts another one in its place.
    func renew() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
            self.files.privateKey, "-out", self.files.certificate,
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw NeverHappened() }
    }
}
