// SPDX-License-Identifier: Apache-2.0

import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import ServiceLifecycle

/// Listens, and hands each connection to its channel; when the gateway stops, the first to close and the last to give up.
///
/// A graceful stop closes the listener at once, so that nobody is accepted any more, and lets every request that is under way
/// end, up to `server.drainTimeout`. Unlike Hummingbird's own server it can be given a socket that listens already, and it
/// loses no connection that it has accepted, where NIO would end the process.
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
    private let loops = MultiThreadedEventLoopGroup.singleton

    func run() async throws {
        let taken = self.takesOver ? self.handOver.take() : nil
        let server = self.server.current
        let socket = try taken?.socket ?? .open(host: server.host, port: server.port)
        let (listener, connections) = try await self.listen(on: socket)
        self.handOver.offer(socket)
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                let port = listener.localAddress?.port ?? 0
                await self.onListening(port)
                await taken?.confirm()
                try? await listener.setOption(.autoRead, value: true).get()
                self.logger.info("Connections are accepted.", metadata: ["host": "\(server.host)", "port": "\(port)"])
                // In a task of its own: a cancelled one would leave connections that nobody handles.
                await Task { await self.handle(connections) }.value
                self.deadline.withLockedValue { $0 }?.cancel()
            } onGracefulShutdown: {
                self.drain(listener)
            }
        } onCancel: {
            self.drain(listener)
            self.connections.closeAll()
        }
    }

    /// A listener that accepts nobody yet, and its connections.
    ///
    /// Every connection that is set up is among them, whatever becomes of the listener: NIO ends the process where one is
    /// dropped.
    private func listen(on socket: ListeningSocket) async throws -> (any Channel, AsyncStream<FrontDoorChannel.Value>) {
        let (connections, arrivals) = AsyncStream.makeStream(of: FrontDoorChannel.Value.self)
        let listener = try await ServerBootstrap(group: self.loops)
            .serverChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in self.channel.setUp(channel).map { _ = arrivals.yield($0) } }
            .withBoundSocket(socket.descriptor)
            .get()
        listener.closeFuture.flatMap { self.settled(listener) }.whenComplete { _ in arrivals.finish() }
        return (listener, connections)
    }

    /// When all connections that the listener has accepted are set up: each loop does that before it comes to this.
    private func settled(_ listener: any Channel) -> EventLoopFuture<Void> {
        .andAllComplete(self.loops.makeIterator().map { $0.submit {} }, on: listener.eventLoop)
    }

    private func handle(_ connections: AsyncStream<FrontDoorChannel.Value>) async {
        await withDiscardingTaskGroup { group in
            for await connection in connections {
                group.addTask(executorPreference: connection.executor) { await self.channel.handle(connection) }
            }
        }
    }

    private func drain(_ listener: any Channel) {
        self.close(listener)
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

    /// Closes it when what it has accepted is set up; a connection between the two would be lost.
    private func close(_ listener: any Channel) {
        listener.setOption(.autoRead, value: false)
            .flatMap { self.settled(listener) }
            .whenComplete { _ in
                // Both copies of the listener at once: what only one of them held would wait for ever.
                listener.close(promise: nil)
                self.handOver.withdraw()
            }
    }
}
