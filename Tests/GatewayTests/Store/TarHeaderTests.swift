// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Gateway

@Suite struct TarHeaderTests {
    private func text(_ block: [UInt8], _ range: Range<Int>) -> String {
        String(decoding: block[range].prefix { $0 != 0 }, as: UTF8.self)
    }

    @Test func aHeadIsWhatTarReads() {
        let block = TarHeader.file("logs.sqlite", size: 4096, modified: 1_000_000_000)
        #expect(block.count == 512)
        #expect(self.text(block, 0..<100) == "logs.sqlite")
        #expect(self.text(block, 100..<108) == "0000600")
        #expect(self.text(block, 124..<136) == "00000010000")
        #expect(self.text(block, 136..<148) == "07346545000")
        #expect(block[156] == UInt8(ascii: "0"), "a regular file")
        #expect(self.text(block, 257..<263) == "ustar")
        // The sum is over the block with blanks in its own place.
        var blank = block
        for index in 148..<156 { blank[index] = 0x20 }
        let sum = blank.reduce(0) { $0 + Int($1) }
        #expect(Int(self.text(block, 148..<154), radix: 8) == sum)
    }

    @Test func sizesBeyondOctalAreInBase256() {
        let largest = TarHeader.file("x", size: (1 << 33) - 1, modified: 0)
        #expect(self.text(largest, 124..<136) == "77777777777")
        let beyond = TarHeader.file("x", size: 1 << 33, modified: 0)
        #expect(Array(beyond[124..<136]) == [0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0])
    }

    @Test func filesAreFilledUpToBlocks() {
        #expect(TarHeader.padding(after: 0).isEmpty && TarHeader.padding(after: 512).isEmpty)
        #expect(TarHeader.padding(after: 1).count == 511 && TarHeader.padding(after: 1023).count == 1)
    }
}
