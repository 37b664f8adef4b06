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
    ///
    /// Cancelling the task ends the wait.
    static func of(_ channel: any Channel) async throws -> ClientSocket? {
        let found = channel.eventLoop.makePromise(of: ClientSocket?.self)
        return try await withTaskCancellationHandler {
            channel.eventLoop.execute { Self.find(channel, found) }
            return try await found.futureResult.get()
        } onCancel: {
            found.fail(CancellationError())
        }
    }

    private static func find(_ channel: any Channel, _ found: EventLoopPromise<ClientSocket?>) {
        let pipeline = channel.pipeline.syncOperations
        guard let front = try? pipeline.context(handlerType: ArrivalHandler.self),
            (try? pipeline.context(handlerType: NIOSSLServerHandler.self)) == nil
        else { return found.succeed(nil) }
        // What is written after everything else has gone when that has; no byte of it comes in between.
        let written = channel.eventLoop.makePromise(of: Void.self)
        front.writeAndFlush(NIOAny(ByteBuffer()), promise: written)
        written.futureResult.flatMapThrowing {
            let pipeline = channel.pipeline.syncOperations
            return try pipeline.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { ClientSocket($0) } ?? nil
        }.cascade(to: found)
    }
}
