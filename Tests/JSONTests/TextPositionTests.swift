import JSON
import Testing

@Suite struct TextPositionTests {
    private typealias Position = JSONSourceMap.Position

    @Test func aByteHasItsLineAndColumn() {
        let text = Array("ab\ncd\n".utf8)
        let expected = [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (3, 1)]
        for (offset, place) in expected.enumerated() {
            let found = Position(ofByte: offset, in: text)
            #expect(found == Position(line: place.0, column: place.1), "\(offset)")
        }
        #expect(Position(ofByte: 99, in: text) == Position(line: 3, column: 1))
    }

    static let broken: [[UInt8]] = [
        [0xFF], [0x80], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82],
    ]

    /// RFC 3629: a stray byte, an overlong form, a surrogate, a scalar that is cut short.
    @Test(arguments: Self.broken)
    func whereATextStopsBeingUTF8IsTold(_ bytes: [UInt8]) {
        let before = Array("é\nab".utf8)
        #expect(
            Position(endOfUTF8In: before + bytes) == Position(line: 2, column: 3), "\(bytes)")
        #expect(Position(endOfUTF8In: before) == nil)
        #expect(Position(endOfUTF8In: []) == nil)
    }

    @Test func columnsAreCountedInUTF16WhereTheyHaveToBe() {
        let text = "a\né𝄞b\n\"x"
        // Of `é` (two bytes), `𝄞` (four) and `b`; the end of the line; another line's second.
        let places = [(1, 1, 1), (2, 1, 1), (2, 3, 2), (2, 7, 4), (2, 8, 5), (3, 2, 2), (9, 9, 3)]
        let columns = Position.utf16Columns(
            of: places.map { Position(line: $0.0, column: $0.1) }, in: text)
        for (line, column, expected) in places {
            #expect(
                columns[Position(line: line, column: column)] == expected, "\(line):\(column)")
        }
        #expect(Position.utf16Columns(of: [Position](), in: text).isEmpty)
    }
}
