// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Downloads
import Foundation
import NIOConcurrencyHelpers
import NIOCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Where bytes of unknown length are kept, and how many of one file.
struct SpoolFolder: Sendable {
    let path: String
    let most: Int64

    /// Reads a source to its end.
    ///
    /// Throws the source's error, and `failed` where there are more bytes than ``most`` or no room for them.
    func fill(from source: UploadSource) async throws(ProviderError) -> Spool {
        let spool = try Spool(in: self.path)
        var body = try await source.open(0).makeAsyncIterator()
        while let bytes = try await body.next() { try await spool.append(bytes, most: self.most) }
        return spool
    }
}

/// Bytes of a length that nobody knew, kept in a file without a name until they are sent: it is gone with whoever holds this.
final class Spool: Sendable {
    private let descriptor: Int32
    /// Bytes so far.
    private let count = NIOLockedValueBox<Int64>(0)

    /// The most that is read at once.
    private static let pieceSize = 256 << 10

    fileprivate init(in folder: String) throws(ProviderError) {
        var template = Array((folder + "/spool-XXXXXX").utf8CString)
        self.descriptor = template.withUnsafeMutableBufferPointer { name in
            guard let base = name.baseAddress else { return -1 }
            let descriptor = unsafe mkstemp(base)
            if descriptor >= 0 {
                unsafe unlink(base)
                _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            }
            return descriptor
        }
        guard self.descriptor >= 0 else { throw Self.failure("mkstemp") }
    }

    deinit { close(self.descriptor) }

    /// The bytes as a source of known length, that is otherwise `other`.
    func source(_ other: UploadSource) -> UploadSource {
        let size = self.count.withLockedValue { $0 }
        return UploadSource(size: size, revision: other.revision, digest: other.digest) {
            offset async throws(ProviderError) in
            self.body(from: offset, size: size)
        }
    }

    private func body(from offset: Int64, size: Int64) -> ContentBody {
        ContentBody {
            var position = offset
            return { () async throws(ProviderError) -> ByteBuffer? in
                guard position < size else { return nil }
                let bytes = try await self.read(at: position, atMost: Int(min(Int64(Self.pieceSize), size - position)))
                position += Int64(bytes.readableBytes)
                return bytes
            }
        }
    }

    fileprivate func append(_ bytes: ByteBuffer, most: Int64) async throws(ProviderError) {
        let position = self.count.withLockedValue { $0 }
        guard Int64(bytes.readableBytes) <= most - position else {
            let message = "The file's length is not known before its end, and it has more than \(most) bytes."
            throw ProviderError(.failed(DownloadFailure(code: .tooLarge, message: message)), message: message)
        }
        try await Self.onFileThread { () throws(ProviderError) in
            try bytes.withUnsafeReadableBytes { raw throws(ProviderError) in
                var done = 0
                while done < raw.count {
                    let part = unsafe UnsafeRawBufferPointer(rebasing: raw[done...])
                    let written = unsafe pwrite(self.descriptor, part.baseAddress, part.count, off_t(position) + done)
                    guard written > 0 else { throw Self.failure("pwrite") }
                    done += written
                }
            }
        }
        self.count.withLockedValue { $0 = position + Int64(bytes.readableBytes) }
    }

    private func read(at position: Int64, atMost most: Int) async throws(ProviderError) -> ByteBuffer {
        try await Self.onFileThread { () throws(ProviderError) in
            var buffer = ByteBuffer()
            let count = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: most) { room in
                max(0, unsafe pread(self.descriptor, room.baseAddress, most, off_t(position)))
            }
            guard count > 0 else { throw Self.failure("pread") }
            return buffer
        }
    }

    /// Calls what blocks on a thread that may.
    private static func onFileThread<Value: Sendable>(
        _ call: @escaping @Sendable () throws(ProviderError) -> Value
    ) async throws(ProviderError) -> Value {
        let result = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(returning: Result { () throws(ProviderError) in try call() })
            }
        }
        return try result.get()
    }

    private static func failure(_ call: String) -> ProviderError {
        let code = errno
        if code == ENOSPC || code == EDQUOT || code == EFBIG {
            let message = "The gateway has no room to keep the file until its length is known."
            return ProviderError(.failed(DownloadFailure(code: .storageFull, message: message)), message: message)
        }
        return ProviderError(
            .unavailable,
            retry: .now,
            message: "The gateway cannot keep the file until its length is known.",
            cause: "\(call): \(String(cString: strerror(code)))"
        )
    }
}
