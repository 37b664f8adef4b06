// SPDX-License-Identifier: Apache-2.0

import HummingbirdCore
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import ServiceLifecycle

/// Listens, and hands each connection to its channel; when the gateway stops, the first to close and the last to give up.
///
/// A graceful stop closes the listener at once, so that nobody is accepted any more, and lets every request that is under way
/// end, up to `server.drainTimeout`. Unlike Hummingbird's own server it can be given a socket that listens already, and it is
/// never cancelled in the middle of accepting, where NIO would end the process.
struct FrontDoor: Service {
    let channel: FrontDoorChannel
    let server: Live<Configuration.Server>
    let connections: OpenConnections
    let handOver: HandOver
    /// Whether the listener of a running gateway is taken, where there is one.
    let takesOver: Bool
    /// Called with the port once connections are accepted.
    let onListening: @Sendable (Int) async -> Void
    let logger: Logger
    private let deadline = NIOLockedValueBox<Scheduled<Void>?>(nil)

    func run() async throws {
        let taken = self.takesOver ? self.handOver.take() : nil
        let server = self.server.current
        let socket = try taken?.socket ?? .open(host: server.host, port: server.port)
        let listener = try await self.listen(on: socket)
        self.handOver.offer(socket)
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                let port = listener.channel.localAddress?.port ?? 0
                await self.onListening(port)
                taken?.confirm()
                self.logger.info("Connections are accepted.", metadata: ["host": "\(server.host)", "port": "\(port)"])
                // In a task of its own: a cancelled one would stop accepting with connections in hand.
                await Task { await self.accept(listener) }.value
                self.handOver.withdraw()
                self.deadline.withLockedValue { $0 }?.cancel()
            } onGracefulShutdown: {
                self.drain(listener.channel)
            }
        } onCancel: {
            self.drain(listener.channel)
            self.connections.closeAll()
        }
    }

    private func listen(on socket: ListeningSocket) async throws -> NIOAsyncChannel<FrontDoorChannel.Value, Never> {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .bind(socket.descriptor) { self.channel.setUp($0) }
    }

    private func accept(_ listener: NIOAsyncChannel<FrontDoorChannel.Value, Never>) async {
        await withDiscardingTaskGroup { group in
            do {
                try await listener.executeThenClose { connections in
                    for try await connection in connections {
                        group.addTask { await self.channel.handle(connection) }
                    }
                }
            } catch {
                self.logger.error("No connection is accepted any more.", metadata: ["error": "\(error)"])
            }
        }
    }

    private func drain(_ listener: any Channel) {
        // Both copies of the listener at once: what only one of them held would wait for ever.
        self.handOver.withdraw()
        listener.close(promise: nil)
        self.connections.drain()
        let timeout = self.server.current.drainTimeout
        self.logger.info(
            "The gateway stops; requests that are under way may end.",
            metadata: ["connections": "\(self.connections.count)", "seconds": "\(Int(timeout))"]
        )
        let deadline = listener.eventLoop.scheduleTask(in: .seconds(fraction: timeout)) {
            let count = self.connections.count
            guard count > 0 else { return }
            self.logger.warning("Requests have not ended in time; they are cut.", metadata: ["connections": "\(count)"])
            self.connections.closeAll()
        }
        self.deadline.withLockedValue { $0 = deadline }
    }
}
