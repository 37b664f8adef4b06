// SPDX-License-Identifier: Apache-2.0

public import Crypto
import CDispatch
public import Downloads
import Foundation

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The 32 bytes that everything secret in the store hangs on; they are never in the database themselves.
public enum MasterSecret {
    /// Why there is no master secret.
    ///
    /// The texts hold nothing of it.
    public enum Failure: Error, Hashable, Sendable {
        /// The configured value is not 32 bytes in base64.
        case malformedSetting
        /// The file is not 32 bytes in base64.
        case malformedFile(path: String)
        /// Others than its owner can read or write the file.
        case exposedFile(path: String)
        /// The file cannot be read or made; with the system's reason.
        case unusableFile(path: String, reason: String)
        /// The store hangs on another master secret than the one that was found at this place.
        case wrongMaster(place: String)
    }

    /// Takes the configured secret, else the one in `<storage>/secret.key`, which is made (mode 0600) where it is missing.
    public static func load(configured: Secret?, storage: String) throws(Failure) -> SymmetricKey {
        if let configured, !configured.isEmpty {
            guard let key = Self.decode(configured.reveal()) else { throw .malformedSetting }
            return key
        }
        let path = storage + "/secret.key"
        let key = SymmetricKey(size: .bits256)
        return try Self.create(path, holding: key) ? key : try Self.readFile(path)
    }

    /// A public name for a master secret, by which a store tells whether it hangs on it.
    static func id(of master: SymmetricKey) -> String {
        Self.derive(master, for: "master id v1").withUnsafeBytes { $0.prefix(8).hexadecimal }
    }

    /// A key for one purpose (HKDF-SHA-256), so that no two uses share one.
    public static func derive(_ master: SymmetricKey, for purpose: String) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(inputKeyMaterial: master, info: Data("sluice \(purpose)".utf8), outputByteCount: 32)
    }

    static func decode(_ text: String) -> SymmetricKey? {
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard trimmed.utf8.count <= 64, let bytes = Data(base64Encoded: trimmed), bytes.count == 32 else { return nil }
        return SymmetricKey(data: bytes)
    }

    /// Makes the file; `false` where there already is one.
    ///
    /// It appears whole or not at all, also to another gateway that starts at the same moment.
    static func create(_ path: String, holding key: SymmetricKey) throws(Failure) -> Bool {
        let draft = path + "." + UUID().uuidString
        try Self.makeFile(draft, holding: key)
        defer { unlink(draft) }
        // Unlike a rename, a link never replaces what another has just made.
        guard link(draft, path) == 0 else {
            if errno == EEXIST { return false }
            throw .unusableFile(path: path, reason: Self.systemReason())
        }
        return true
    }

    private static func makeFile(_ path: String, holding key: SymmetricKey) throws(Failure) {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw .unusableFile(path: path, reason: Self.systemReason()) }
        defer { close(file) }
        let line = Array((key.withUnsafeBytes { Data($0) }.base64EncodedString() + "\n").utf8)
        // 45 bytes to a new file: a short write means that the disk is full.
        guard write(file, line, line.count) == line.count, fsync(file) == 0 else {
            let reason = Self.systemReason()
            unlink(path)
            throw .unusableFile(path: path, reason: reason)
        }
    }

    static func readFile(_ path: String) throws(Failure) -> SymmetricKey {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .unusableFile(path: path, reason: Self.systemReason()) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .unusableFile(path: path, reason: Self.systemReason()) }
        guard status.st_mode & 0o077 == 0 else { throw .exposedFile(path: path) }
        var bytes = [UInt8](repeating: 0, count: 128)
        let count = read(file, &bytes, bytes.count)
        guard count >= 0 else { throw .unusableFile(path: path, reason: Self.systemReason()) }
        guard let key = Self.decode(String(decoding: bytes.prefix(count), as: UTF8.self)) else {
            throw .malformedFile(path: path)
        }
        return key
    }

    static func systemReason() -> String { String(cString: strerror(errno)) }
}

extension MasterSecret.Failure: CustomStringConvertible {
    /// What is wrong, and what would be right.
    public var description: String {
        switch self {
        case .malformedSetting: "secrets.key must be 32 bytes in base64 (openssl rand -base64 32)."
        case .malformedFile(let path): "\(path) does not hold 32 bytes in base64."
        case .exposedFile(let path):
            "\(path) can be read by others than its owner; chmod 600 it, and consider it known."
        case .unusableFile(let path, let reason): "\(path) cannot be used: \(reason)."
        case .wrongMaster(let place):
            "\(place) is not the master secret that this store was made or last rotated with; put that one back."
        }
    }
}
