// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import NIOPosix
import NIOSSL

/// The socket of a client's connection, to be written to beside its channel: a descriptor of its own, so that no other
/// connection can have its number before this is let go of.
final class ClientSocket: Sendable {
    let descriptor: CInt

    private init?(_ original: CInt) {
        let descriptor = fcntl(original, F_DUPFD_CLOEXEC, 0)
        guard descriptor >= 0 else { return nil }
        self.descriptor = descriptor
    }

    deinit { close(self.descriptor) }

    /// The socket, once the system has all that was written to the channel; `nil` where bytes do not go out as they are
    /// written: with TLS or HTTP/2.
    static func of(_ channel: any Channel) async throws -> ClientSocket? {
        try await channel.eventLoop.flatSubmit {
            let pipeline = channel.pipeline.syncOperations
            guard let front = try? pipeline.context(handlerType: ArrivalHandler.self),
                (try? pipeline.context(handlerType: NIOSSLServerHandler.self)) == nil
            else { return channel.eventLoop.makeSucceededFuture(nil) }
            let written = channel.eventLoop.makePromise(of: Void.self)
            front.writeAndFlush(NIOAny(ByteBuffer()), promise: written)
            return written.futureResult.flatMapThrowing {
                try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
                    ClientSocket($0)
                } ?? nil
            }
        }.get()
    }
}
