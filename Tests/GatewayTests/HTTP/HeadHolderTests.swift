// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Testing

@testable import Gateway

@Suite struct HeadHolderTests {
    private let channel = EmbeddedChannel(handler: HeadHolder())

    private func send(_ part: HTTPResponsePart) {
        self.channel.writeAndFlush(part, promise: nil)
    }

    private func sentParts() throws -> Int {
        var count = 0
        while try self.channel.readOutbound(as: HTTPResponsePart.self) != nil { count += 1 }
        return count
    }

    @Test func aHeadGoesOutWithTheBytesBehindIt() throws {
        self.send(.head(HTTPResponse(status: .ok)))
        #expect(try self.sentParts() == 0)
        self.send(.body(ByteBuffer(string: "x")))
        #expect(try self.sentParts() == 2)
        self.send(.end(nil))
        #expect(try self.sentParts() == 1)
        self.channel.embeddedEventLoop.run()
        #expect(try self.sentParts() == 0)
    }

    @Test func aHeadDoesNotWaitForTheNetwork() throws {
        self.send(.head(HTTPResponse(status: .ok)))
        self.channel.embeddedEventLoop.run()
        #expect(try self.sentParts() == 1)
    }

    @Test func anInformationalHeadGoesOutAtOnce() throws {
        self.send(.head(HTTPResponse(status: .continue)))
        #expect(try self.sentParts() == 1)
    }

    @Test func anAnswerThatBreaksOffAtItsFirstByteHasAHead() throws {
        self.send(.head(HTTPResponse(status: .ok)))
        self.channel.close(promise: nil)
        #expect(try self.sentParts() == 1)
        self.channel.embeddedEventLoop.run()
        #expect(try self.sentParts() == 0)
    }
}
