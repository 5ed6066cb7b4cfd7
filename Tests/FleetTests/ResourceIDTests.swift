import Testing

@testable import Fleet

@Suite struct ResourceIDTests {
    private static let valid = "0123abcd-4567-49ef-8a0b-9c0d1e2f3a4b"
    private static let others: [String] = [
        "", "0", String(Self.valid.dropLast()), "\(Self.valid)0", "é\(Self.valid.dropFirst(2))",
    ]

    @Test func aUUIDInLowerCaseIsTakenAsItIs() throws {
        #expect(try ResourceID(Self.valid).rawValue == Self.valid)
    }

    /// RFC 9562, 4: hyphens at four places, and hexadecimal digits, here of lower case, elsewhere.
    @Test(arguments: 0..<36)
    func everyPlaceTakesWhatBelongsThereAndNothingElse(place: Int) {
        let digits = Array("0123456789abcdef".utf8)
        let isHyphen = [8, 13, 18, 23].contains(place)
        for byte in UInt8(0)...0x7F {
            var bytes = Array(Self.valid.utf8)
            bytes[place] = byte
            let text = String(decoding: bytes, as: UTF8.self)
            let isTaken = (try? ResourceID(text))?.rawValue == text
            let belongs = isHyphen ? byte == UInt8(ascii: "-") : digits.contains(byte)
            #expect(isTaken == belongs, "byte \(byte) at \(place)")
        }
    }

    @Test(arguments: others)
    func anotherLengthOrAlphabetIsRefused(text: String) {
        #expect(throws: FleetError.self) { try ResourceID(text) }
    }

    @Test func aRandomIDIsAVersion4UUID() throws {
        let id = ResourceID(random: [UInt8](repeating: 0xFF, count: 16))
        #expect(id.rawValue == "ffffffff-ffff-4fff-bfff-ffffffffffff")
        let zero = ResourceID(random: [UInt8](repeating: 0, count: 16))
        #expect(zero.rawValue == "00000000-0000-4000-8000-000000000000")
        #expect(zero != .unknown)
        #expect(try ResourceID(id.rawValue) == id)
    }

    @Test(arguments: [
        "", "ffffffffffff4fffbfffffffffffffff", "FFFFFFFF-FFFF-4FFF-BFFF-FFFFFFFFFFFF",
        "ffffffff-ffff-4fff-bfff-fffffffffffg", "ffffffff-ffff-4fff-bfff-ffffffffffff0",
        "fffffff-fffff-4fff-bfff-ffffffffffff",
    ])
    func whatIsNoUUIDIsRefused(_ text: String) {
        #expect(throws: FleetError.self) { try ResourceID(text) }
    }
}
