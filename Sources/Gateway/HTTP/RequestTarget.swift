// SPDX-License-Identifier: Apache-2.0

import Downloads

/// The request's target, decoded once; what is authorised and what is routed is this same value.
struct RequestTarget {
    /// The path: only unreserved characters and single slashes, nothing encoded, no dot segments.
    let path: String

    /// The query's parameters in order, decoded; a plus is a space.
    let parameters: [(name: String, value: String)]

    /// Reads a target in origin form.
    ///
    /// Throws `NOT_FOUND` for a path that no route can have (encoded characters, dot segments, empty segments), and
    /// `INVALID_REQUEST` for a query that is not well-formed percent-encoded UTF-8.
    init(_ target: String) throws(Problem) {
        // By bytes: to split a text into characters costs ten times as much.
        let path = target.utf8.prefix { $0 != UInt8(ascii: "?") }
        guard path.first == UInt8(ascii: "/"), path.allSatisfy(Self.isPathByte),
            path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
                .allSatisfy(Self.isSegment)
        else { throw Problem.notFound }
        self.path = String(Substring(path))
        self.parameters = try Self.parameters(of: target.utf8.dropFirst(path.count + 1))
    }

    private static func isSegment(_ segment: Substring.UTF8View) -> Bool {
        !segment.isEmpty && !segment.elementsEqual(".".utf8) && !segment.elementsEqual("..".utf8)
    }

    private static func isPathByte(_ byte: UInt8) -> Bool {
        byte.isASCIILetterOrDigit || "/-._~".utf8.contains(byte)
    }

    private static func parameters(of query: Substring.UTF8View) throws(Problem) -> [(name: String, value: String)] {
        var parameters: [(name: String, value: String)] = []
        for pair in query.split(separator: UInt8(ascii: "&")) {
            let before = pair.prefix { $0 != UInt8(ascii: "=") }
            guard let name = Self.decode(before) else {
                throw Problem(.invalidRequest, "The query holds a name that is not percent-encoded UTF-8.")
            }
            guard let value = Self.decode(pair.dropFirst(before.count + 1)) else {
                throw Problem.field(name, "is not percent-encoded UTF-8, or holds a control character")
            }
            parameters.append((name, value))
        }
        return parameters
    }

    /// The decoded name of one parameter of a query; `nil` where it cannot be decoded.
    static func name(of parameter: Substring) -> String? {
        Self.decode(parameter.utf8.prefix { $0 != UInt8(ascii: "=") })
    }

    private static func decode(_ text: Substring.UTF8View) -> String? {
        var bytes: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst()?.hexadecimalValue,
                    let low = rest.popFirst()?.hexadecimalValue
                else { return nil }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            default: bytes.append(byte)
            }
        }
        guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }
}
