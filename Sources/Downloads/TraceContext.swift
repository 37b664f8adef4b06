// SPDX-License-Identifier: Apache-2.0

/// The trace that a request belongs to (W3C Trace Context), as it came or as it begins here.
///
/// It is bound to the task that works on a request, so that a call to an upstream finds it without being handed it.
public struct TraceContext: Hashable, Sendable {
    private enum Origin: Hashable, Sendable {
        case given(traceID: String, flags: UInt8)
        case begun(seed: String)
    }

    private let origin: Origin

    /// That of the request that this task works on.
    @TaskLocal public static var current: TraceContext?

    /// Begins a trace, named after `seed`; a UUID becomes the id itself, so that one is found by the other.
    public init(beginningWith seed: String) { self.origin = .begun(seed: seed) }

    /// Reads the values of the field `traceparent`; `nil` where there is not just one, or it is not valid.
    ///
    /// A version above 00 is read as far as 00 goes, as the standard wants it.
    public init?(traceparent values: [String]) {
        guard values.count == 1, let bytes = values.first.map({ Array($0.utf8) }), bytes.count >= 55 else { return nil }
        let separators = [2, 35, 52].allSatisfy { bytes[$0] == UInt8(ascii: "-") }
        let (version, traceID, parentID, flags) = (bytes[0..<2], bytes[3..<35], bytes[36..<52], bytes[53..<55])
        guard separators, [version, traceID, parentID, flags].allSatisfy(Self.isHexadecimal),
            !version.elementsEqual("ff".utf8), !Self.isZero(traceID), !Self.isZero(parentID)
        else { return nil }
        guard bytes.count == 55 || !Self.isZero(version) && bytes[55] == UInt8(ascii: "-") else { return nil }
        let bits = UInt8(String(decoding: flags, as: UTF8.self), radix: 16) ?? 0
        // Sampled and random; what other bits mean nobody knows yet, so that they are not passed on.
        self.origin = .given(traceID: String(decoding: traceID, as: UTF8.self), flags: bits & 0b11)
    }

    /// Whether the caller began it.
    public var isGiven: Bool {
        if case .given = self.origin { return true }
        return false
    }

    /// 32 hexadecimal digits.
    public var traceID: String {
        switch self.origin {
        case .given(let traceID, _): return traceID
        case .begun(let seed):
            let digits = seed.utf8.filter { $0 != UInt8(ascii: "-") }
            guard digits.count == 32, Self.isHexadecimal(digits[...]), !Self.isZero(digits[...]) else {
                return Self.hexadecimal(Self.hash(seed, 1)) + Self.hexadecimal(Self.hash(seed, 2))
            }
            return String(decoding: digits, as: UTF8.self)
        }
    }

    /// The value of `traceparent` for a call that is made now; `span` names the call and is not 0.
    public func traceparent(span: UInt64 = .random(in: 1...UInt64.max)) -> String {
        var flags: UInt8 = 0
        if case .given(_, let bits) = self.origin { flags = bits }
        return "00-\(self.traceID)-\(Self.hexadecimal(max(span, 1)))-0\(flags)"
    }

    // MARK: Digits

    private static func isHexadecimal(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.allSatisfy {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
        }
    }

    private static func isZero(_ bytes: ArraySlice<UInt8>) -> Bool { bytes.allSatisfy { $0 == UInt8(ascii: "0") } }

    private static func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// FNV-1a; never 0.
    private static func hash(_ text: String, _ start: UInt64) -> UInt64 {
        max(text.utf8.reduce(0xcbf2_9ce4_8422_2325 ^ start) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }, 1)
    }
}
