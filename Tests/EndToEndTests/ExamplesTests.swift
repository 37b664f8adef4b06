// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

extension EndToEnd {
    @Suite struct ExamplesTests {
        @Test(arguments: ExampleFile.names)
        func exampleIsAnsweredAsWritten(_ name: String) async throws {
            let file = try ExampleFile(named: name)
            #expect(!file.examples.isEmpty)
            try await EndToEndFixture.run { gateway in
                _ = try await ExampleReplay(gateway).replay(file)
            }
        }

        @Test func thereAreExamples() { #expect(ExampleFile.names.count >= 5) }

        @Test func checkThatDoesNotHoldIsNoticed() throws {
            let head = try AnswerHead(text: "HTTP/1.1 200 OK\r\nX-A: b")
            let answer = Answer(head: head, body: .init(string: #"{"a":[{"n":null,"t":"x1"}],"c":3}"#))
            func holds(_ subject: ExampleFile.Subject, _ operation: String, _ value: String = "") -> Bool {
                ExampleCheck(operation: operation, value: value).holds(for: subject, in: answer)
            }
            #expect(holds(.json("$.a[0].t"), "==", "\"x1\"") && !holds(.json("$.a[0].t"), "==", "\"x2\""))
            #expect(holds(.json("$.a[0].n"), "exists") && holds(.json("$.a[1]"), "absent"))
            #expect(holds(.json("$.a.count"), ">=", "1") && !holds(.json("$.a.count"), ">=", "2"))
            #expect(holds(.json("$.a[0].t"), "~", "x") && !holds(.json("$.a[0].t"), "~", "y"))
            #expect(
                holds(.header("x-a"), "==", "b") && !holds(.header("x-a"), "exists2") && !holds(.header("y"), "exists")
            )
            #expect(!holds(.bytes, "==", "1") && !holds(.json("$.c"), "==", "4") && !holds(.body, "~", "nothing"))
        }
    }
}
