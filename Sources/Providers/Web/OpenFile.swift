// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A file that is open, closed when it is let go of.
///
/// Its calls block; they are made on NIO's threads for files, see ``onFileThread(_:)``.
final class OpenFile: Sendable {
    private let descriptor: Int32

    /// Opens for reading.
    init(reading path: String) throws(StorageError) {
        self.descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard self.descriptor >= 0 else { throw .last("open") }
    }

    /// Opens for reading and writing; makes the file where it is missing.
    init(writing path: String) throws(StorageError) {
        self.descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard self.descriptor >= 0 else { throw .last("open") }
    }

    deinit {
        if self.descriptor >= 0 { close(self.descriptor) }
    }

    /// Bytes in the file.
    var size: Int64 {
        get throws(StorageError) {
            var status = stat()
            guard fstat(self.descriptor, &status) == 0 else { throw .last("fstat") }
            return Int64(status.st_size)
        }
    }

    /// At most `count` bytes from `offset` on; empty at the end.
    func read(at offset: Int64, atMost count: Int) throws(StorageError) -> ByteBuffer {
        var bytes = ByteBuffer()
        var result = 0
        repeat {
            bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { room in
                result = pread(self.descriptor, room.baseAddress, min(count, room.count), off_t(offset))
                return max(0, result)
            }
        } while result < 0 && errno == EINTR
        guard result >= 0 else { throw .last("pread") }
        return bytes
    }

    /// Writes all bytes at `offset`.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let result = pwrite(self.descriptor, rest.baseAddress, rest.count, off_t(offset) + off_t(done))
            if result > 0 { done += result } else if result == 0 || errno != EINTR { throw .last("pwrite") }
        }
    }

    /// Drops what is behind `size`.
    func truncate(to size: Int64) throws(StorageError) {
        guard ftruncate(self.descriptor, off_t(size)) == 0 else { throw .last("ftruncate") }
    }

    /// Returns when the bytes would survive a loss of power.
    func sync() throws(StorageError) {
        guard fsync(self.descriptor) == 0 else { throw .last("fsync") }
    }
}

/// Runs what blocks on a thread for it; goes to its end also in a cancelled task, whose last bytes are to be kept too.
func onFileThread<Value: Sendable>(
    _ work: @escaping @Sendable () throws(StorageError) -> Value
) async throws(StorageError) -> Value {
    let result = await withCheckedContinuation { continuation in
        NIOThreadPool.singleton.submit { state in
            guard case .active = state else {
                continuation.resume(
                    returning: Result<Value, StorageError>.failure(.failed(call: "thread", code: ECANCELED))
                )
                return
            }
            do throws(StorageError) {
                continuation.resume(returning: .success(try work()))
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
    }
    return try result.get()
}
