// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Gateway

@Suite struct RequestTargetTests {
    private func code(of target: String) -> Problem.Code? {
        do throws(Problem) {
            _ = try RequestTarget(target)
            return nil
        } catch {
            return error.code
        }
    }

    private func reader(_ query: String) throws -> QueryReader {
        QueryReader(try RequestTarget("/x?" + query).parameters)
    }

    /// The fields that are at fault after `read`.
    private func faults(_ query: String, _ read: (inout QueryReader) -> Void = { _ in }) throws -> [String] {
        var reader = try self.reader(query)
        read(&reader)
        do throws(Problem) {
            try reader.finish()
            return []
        } catch {
            #expect(error.code == .invalidRequest)
            return error.errors.map(\.field)
        }
    }

    @Test func readsAPathAndItsParametersInOrder() throws {
        let target = try RequestTarget("/v1/downloads?a=1&b=x%20y&a=2+3&c&d=")
        #expect(target.path == "/v1/downloads")
        #expect(target.parameters.map(\.name) == ["a", "b", "a", "c", "d"])
        #expect(target.parameters.map(\.value) == ["1", "x y", "2 3", "", ""])
    }

    @Test(arguments: [
        "/v1/./downloads", "/v1/../healthz", "/v1//downloads", "//v1/downloads", "/v1/downloads/", "/v1/downloads/..",
        "/v1/downloads/.", "", "v1/downloads", "*", "http://127.0.0.1/healthz", "/v1\\downloads", "/v1/down loads",
        "/v1/downloads;a=b", "/v1/downloads#x", "/v1/dÖwnloads",
    ])
    func refusesPathsThatNoRouteHas(_ target: String) { #expect(self.code(of: target) == .notFound) }

    /// Traefik GHSA-6jwx-7vp4-9847: one value was authorised, another was routed.
    @Test(arguments: [
        "/v1%2Fdownloads", "/v1%2fdownloads", "/healthz%2F..%2Fv1%2Fkeys", "/%2e%2e/v1/keys", "/v1/%6beys",
        "/healthz/%2e%2e/v1/keys", "/v1/downloads%00", "/v1/%252e%252e/keys",
    ])
    func traefikGHSA_6jwx_7vp4_9847_encodedPathsAreNoRoutes(_ target: String) {
        #expect(self.code(of: target) == .notFound)
    }

    /// Vapor CVE-2020-15230: an encoded dot segment left the public folder.
    @Test(arguments: ["/..%2f..%2fetc%2fpasswd", "/../../etc/passwd", "/%2e%2e%2fetc", "/v1/downloads/..%5c.."])
    func vaporCVE_2020_15230_encodedDotSegmentsAreRefused(_ target: String) {
        #expect(self.code(of: target) == .notFound)
    }

    @Test(arguments: [
        "%", "%2", "%zz", "a%", "%ff", "%c3", "%C0%AF", "%ED%A0%80", "%00", "%0a", "%0D%0A", "%7f", "%1b",
    ])
    func refusesValuesThatAreNotCleanUTF8(_ value: String) {
        #expect(self.code(of: "/a?q=\(value)") == .invalidRequest)
        #expect(self.code(of: "/a?\(value)=1") == .invalidRequest)
    }

    @Test func readsUTF8() throws {
        #expect(try RequestTarget("/a?q=%C3%BCber%F0%9F%93%84").parameters.first?.value == "über📄")
    }

    // MARK: Reading by name

    @Test func refusesUnknownRepeatedAndEmptyParametersAllAtOnce() throws {
        let faults = try self.faults("a=1&a=2&b=&zzz=1&yyy=2") { reader in
            #expect(reader.text("a") == nil)
            #expect(reader.text("b") == nil)
        }
        #expect(faults == ["a", "b", "yyy", "zzz"])
    }

    @Test(arguments: ["-1", "+1", "1.0", "1e3", "0x1", " 1", "1_0", "", "9223372036854775808", "١", "101", "0"])
    func refusesNumbersOutOfForm(_ text: String) throws {
        let encoded = text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let faults = try self.faults("n=\(encoded)") { #expect($0.integer("n", in: 1...100) == nil) }
        #expect(faults == ["n"])
    }

    @Test func readsNumbersUpToTheirBounds() throws {
        var reader = try self.reader("a=1&b=100&c=9223372036854775807&d=007")
        #expect(reader.integer("a", in: 1...100) == 1)
        #expect(reader.integer("b", in: 1...100) == 100)
        #expect(reader.integer("c", in: 0...Int64.max) == .max)
        #expect(reader.integer("d", in: 0...100) == 7)
        try reader.finish()
    }

    @Test func aSpaceInATimeIsThePlusThatTheQueryLost() throws {
        var reader = try self.reader("a=2026-11-21T02:24:00+01:00&b=2026-11-21T01:24:00Z&c=2026-11-21T01%3A24")
        let times = ["a", "b", "c"].map { reader.time($0) }
        #expect(times.allSatisfy { $0 == Date(timeIntervalSince1970: 1_795_224_240) })
        try reader.finish()
    }

    @Test(arguments: [
        "yesterday", "2026-13-01", "2026-02-30", "2026-11-21T25:00:00Z", "1700000000", "2026-11-21T02:24:00X",
    ])
    func refusesMalformedTimes(_ text: String) throws {
        let faults = try self.faults("t=\(text)") { #expect($0.time("t") == nil) }
        #expect(faults == ["t"])
    }

    @Test func readsListsWithCommasAndRepeated() throws {
        var reader = try self.reader("p=a,b&p=c")
        #expect(reader.list("p") == ["a", "b", "c"])
        #expect(reader.list("missing") == nil)
        try reader.finish()
    }

    @Test(arguments: ["p=", "p=a,,b", "p=,", "p=a&p=", "p=" + Array(repeating: "a", count: 101).joined(separator: ",")])
    func refusesListsWithEmptyMembersOrTooMany(_ query: String) throws {
        let faults = try self.faults(query) { #expect($0.list("p") == nil) }
        #expect(faults == ["p"])
    }

    @Test func refusesATextThatIsTooLong() throws {
        let tooLong = try self.faults("t=" + String(repeating: "x", count: 1025)) { #expect($0.text("t") == nil) }
        #expect(tooLong == ["t"])
        let fits = try self.faults("t=" + String(repeating: "x", count: 1024)) { #expect($0.text("t") != nil) }
        #expect(fits == [])
    }
}
