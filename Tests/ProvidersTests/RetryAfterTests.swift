// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Testing

@testable import Providers

@Suite struct RetryAfterTests {
    private let now = Date(timeIntervalSince1970: 1_767_225_600)  // 2026-01-01T00:00:00Z

    private func wait(_ name: String, _ value: String) throws -> Duration? {
        RetryAfter.duration(in: [try #require(HTTPField.Name(name)): value], now: self.now)
    }

    @Test func readsSeconds() throws {
        #expect(try self.wait("Retry-After", "17") == .seconds(17))
        #expect(try self.wait("Retry-After", "0") == .zero)
    }

    @Test func readsMillisecondsToo() throws {
        #expect(try self.wait("retry-after-ms", "1500") == .milliseconds(1500))
        #expect(try self.wait("retry-after-ms", "soon") == nil)
    }

    @Test(arguments: [
        "Thu, 01 Jan 2026 00:01:00 GMT", "Thursday, 01-Jan-26 00:01:00 GMT", "Thu Jan  1 00:01:00 2026",
    ])
    func readsEveryFormOfHTTPDate(_ date: String) throws {
        #expect(try self.wait("Retry-After", date) == .seconds(60))
    }

    @Test func takesAPastDateForNow() throws {
        #expect(try self.wait("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT") == .zero)
    }

    @Test(arguments: [
        "", "soon", "-5", "1e999", "Thu, 99 Jan 2026 00:00:00 GMT", "nan", "Thu, 01 Foo 2026 00:00:00 GMT",
    ])
    func ignoresNonsense(_ value: String) throws {
        #expect(try self.wait("Retry-After", value) == nil)
    }

    @Test func neverAsksForMoreThanADay() throws {
        #expect(try self.wait("Retry-After", "999999999") == .seconds(86_400))
    }

    @Test func readsVendorHeadersAsSecondsOrUnixTime() throws {
        #expect(try self.wait("X-RateLimit-Reset", "30") == .seconds(30))
        #expect(try self.wait("X-RateLimit-Reset", "1767225630") == .seconds(30))
        #expect(try self.wait("RateLimit", #""5-in-1min"; r=0; t=58"#) == .seconds(58))
        #expect(try self.wait("X-RateLimit-Reset", "1767225630000") == .seconds(30))
        #expect(try self.wait("RateLimit", #""5-in-1min"; r=0"#) == nil)
    }

    @Test func takesTheLimitThatIsUsedUp() throws {
        #expect(try self.wait("RateLimit", #""minute";r=0;t=58, "day";r=700;t=9000"#) == .seconds(58))
        #expect(try self.wait("RateLimit", #""minute";r=0;t=58, "day";r=0;t=9000"#) == .seconds(9000))
        #expect(try self.wait("RateLimit", #""minute";t=5,"day";t=9"#) == .seconds(9))
        #expect(try self.wait("RateLimit", #""minute";r=0;t=x, ,;=;"#) == nil)
    }

    @Test func neverWaitsAFractionTooShort() {
        #expect(RetryAfter.wait(0.0001) == .milliseconds(1))
        #expect(RetryAfter.wait(-1) == .zero)
        #expect(RetryAfter.wait(1e300) == .seconds(86_400))
    }

    @Test func prefersRetryAfter() throws {
        let reset = try #require(HTTPField.Name("x-ratelimit-reset"))
        #expect(RetryAfter.duration(in: [.retryAfter: "3", reset: "50"], now: self.now) == .seconds(3))
        #expect(RetryAfter.duration(in: [.retryAfter: "soon", reset: "50"], now: self.now) == .seconds(50))
    }
}
