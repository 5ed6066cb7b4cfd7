import Testing

@testable import JSON

/// Bytes as they are written in RFC 8949 appendix A: hex digits, spaces for the eye.
private func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.filter { $0 != " " }.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map {
        UInt8(digits[$0] << 4 | digits[$0 + 1])
    }
}

private func hex(_ text: String) -> String {
    text.utf8.map { byte in
        let digits = String(byte, radix: 16)
        return digits.count == 1 ? "0" + digits : digits
    }.joined()
}

@Suite struct CBORTests {
    private static func code(_ bytes: [UInt8], _ limits: JSONLimits = .standard)
        -> CBORError.Code?
    {
        do throws(CBORError) {
            _ = try CBORDecoder.decode(bytes, limits: limits)
            return nil
        } catch { return error.code }
    }

    // MARK: The provisioning dialogue

    @Test func theDialoguesMessagesHaveTheirBytes() throws {
        let register: JSONValue = [
            "certificateOwnershipToken": "T1", "parameters": ["SerialNumber": "A7"],
        ]
        let accepted: JSONValue = ["deviceConfiguration": [:], "thingName": "d1"]
        let rejected: JSONValue = [
            "statusCode": 400, "errorCode": "InvalidParameters", "errorMessage": "no",
        ]
        let vectors: [(JSONValue, String)] = [
            ([:], "A0"),
            (
                register,
                "A2 78 19" + hex("certificateOwnershipToken") + "62 54 31 6A" + hex("parameters")
                    + "A1 6C" + hex("SerialNumber") + "62 41 37"
            ),
            (
                accepted,
                "A2 73" + hex("deviceConfiguration") + "A0 69" + hex("thingName") + "626431"
            ),
            (
                rejected,
                "A3 6A" + hex("statusCode") + "19 01 90 69" + hex("errorCode") + "71"
                    + hex("InvalidParameters") + "6C" + hex("errorMessage") + "62 6E 6F"
            ),
        ]
        for (value, text) in vectors {
            #expect(CBOREncoder.encode(value) == bytes(text))
            #expect(try CBORDecoder.decode(bytes(text)) == value)
        }
    }

    // MARK: RFC 8949 appendix A

    /// In the preferred serialization: both ways.
    @Test(arguments: [
        ("00", "0"), ("01", "1"), ("0a", "10"), ("17", "23"), ("1818", "24"), ("1819", "25"),
        ("1864", "100"), ("1903e8", "1000"), ("1a000f4240", "1000000"),
        ("1b000000e8d4a51000", "1000000000000"), ("1bffffffffffffffff", "18446744073709551615"),
        ("20", "-1"), ("29", "-10"), ("3863", "-100"), ("3903e7", "-1000"),
        ("f90000", "0.0"), ("f98000", "-0.0"), ("f93c00", "1.0"), ("fb3ff199999999999a", "1.1"),
        ("f93e00", "1.5"), ("f97bff", "65504.0"), ("fa47c35000", "100000.0"),
        ("fa7f7fffff", "3.4028234663852886e+38"), ("fb7e37e43c8800759c", "1e+300"),
        ("f90001", "5.960464477539063e-08"), ("f90400", "6.103515625e-05"), ("f9c400", "-4.0"),
        ("fbc010666666666666", "-4.1"), ("f4", "false"), ("f5", "true"), ("f6", "null"),
        ("60", "\"\""), ("6161", "\"a\""), ("6449455446", "\"IETF\""), ("62225c", "\"\\\"\\\\\""),
        ("62c3bc", "\"ü\""), ("63e6b0b4", "\"水\""), ("64f0908591", "\"𐅑\""), ("80", "[]"),
        ("83010203", "[1,2,3]"), ("8301820203820405", "[1,[2,3],[4,5]]"), ("a0", "{}"),
        ("a26161016162820203", "{\"a\":1,\"b\":[2,3]}"),
        ("826161a161626163", "[\"a\",{\"b\":\"c\"}]"),
        (
            "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
            "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25]"
        ),
        (
            "a56161614161626142616361436164614461656145",
            "{\"a\":\"A\",\"b\":\"B\",\"c\":\"C\",\"d\":\"D\",\"e\":\"E\"}"
        ),
    ])
    func theStandardsExamplesGoBothWays(text: String, json: String) throws {
        let value = try JSONParser.parse(json)
        #expect(JSONPrinter.print(try CBORDecoder.decode(bytes(text))) == json)
        #expect(CBOREncoder.encode(value) == bytes(text))
    }

    /// Other spellings, which are read and never written.
    @Test(arguments: [
        ("1800", "0"), ("190000", "0"), ("1b0000000000000001", "1"),
        ("3bffffffffffffffff", "-18446744073709551616"),
        ("3b7fffffffffffffff", "-9223372036854775808"),
        ("fa3fc00000", "1.5"), ("fb3ff8000000000000", "1.5"),
        ("c074323031332d30332d32315432303a30343a30305a", "\"2013-03-21T20:04:00Z\""),
        ("c11a514b67b0", "1363896240"), ("c1fb41d452d9ec200000", "1363896240.5"),
        ("d9d9f7a0", "{}"), ("c0c0c001", "1"), ("7800", "\"\""),
        ("7f657374726561646d696e67ff", "\"streaming\""), ("7fff", "\"\""), ("7f60ff", "\"\""),
        ("9fff", "[]"), ("9f018202039f0405ffff", "[1,[2,3],[4,5]]"),
        ("9f01820203820405ff", "[1,[2,3],[4,5]]"), ("83018202039f0405ff", "[1,[2,3],[4,5]]"),
        ("bf61610161629f0203ffff", "{\"a\":1,\"b\":[2,3]}"), ("bfff", "{}"),
        ("826161bf61626163ff", "[\"a\",{\"b\":\"c\"}]"),
        ("bf6346756ef563416d7421ff", "{\"Fun\":true,\"Amt\":-2}"),
        ("bf7f6161ff01ff", "{\"a\":1}"),
    ])
    func otherSpellingsAreRead(text: String, json: String) throws {
        #expect(JSONPrinter.print(try CBORDecoder.decode(bytes(text))) == json)
    }

    @Test(arguments: [
        ("", CBORError.Code.unexpectedEnd), ("18", .unexpectedEnd), ("1901", .unexpectedEnd),
        ("1b00000000000000", .unexpectedEnd), ("61", .unexpectedEnd), ("81", .unexpectedEnd),
        ("a1", .unexpectedEnd), ("a16161", .unexpectedEnd), ("9f", .unexpectedEnd),
        ("9f01", .unexpectedEnd), ("bf", .unexpectedEnd), ("bf6161", .unexpectedEnd),
        ("7f6161", .unexpectedEnd), ("c0", .unexpectedEnd), ("f9", .unexpectedEnd),
        ("fb00", .unexpectedEnd),
        // Lengths beyond the document, up to those beyond an Int.
        ("7affffffff", .unexpectedEnd), ("7bffffffffffffffff", .unexpectedEnd),
        ("7b7fffffffffffffff61", .unexpectedEnd), ("9affffffff", .unexpectedEnd),
        ("9bffffffffffffffff", .unexpectedEnd), ("bbffffffffffffffff", .unexpectedEnd),
        ("bb8000000000000000", .unexpectedEnd), ("a2616101", .unexpectedEnd),
        // Not well-formed (RFC 8949 appendix F).
        ("1c", .notWellFormed), ("1d", .notWellFormed), ("1e", .notWellFormed),
        ("1f", .notWellFormed), ("3c", .notWellFormed), ("3f", .notWellFormed),
        ("5c", .notWellFormed), ("7c", .notWellFormed), ("9d", .notWellFormed),
        ("be", .notWellFormed), ("dc", .notWellFormed), ("df00", .notWellFormed),
        ("fc", .notWellFormed), ("ff", .notWellFormed), ("81ff", .notWellFormed),
        ("a1ff", .unexpectedEnd), ("a1ff00", .keyNotText), ("a16161ff", .notWellFormed),
        ("bf6161ff", .notWellFormed),
        ("7f00ff", .notWellFormed), ("7f4100ff", .notWellFormed), ("7f7f6161ffff", .notWellFormed),
        ("c0ff", .notWellFormed),
        // What JSON cannot say.
        ("40", .unsupportedItem), ("4401020304", .unsupportedItem), ("5fff", .unsupportedItem),
        ("c249010000000000000000", .unsupportedItem), ("f7", .unsupportedItem),
        ("f0", .unsupportedItem), ("f8ff", .unsupportedItem), ("f818", .unsupportedItem),
        ("f97c00", .unsupportedItem), ("f97e00", .unsupportedItem), ("f9fc00", .unsupportedItem),
        ("fa7f800000", .unsupportedItem), ("fb7ff8000000000000", .unsupportedItem),
        ("fbfff0000000000000", .unsupportedItem),
        ("a10102", .keyNotText), ("a1416102", .keyNotText), ("a1f602", .keyNotText),
        ("a1c1616102", .keyNotText),
        ("a2616101616102", .duplicateKey), ("bf6161016161ff", .notWellFormed),
        ("bf616101616102ff", .duplicateKey), ("a26161017f6161ff02", .duplicateKey),
        ("61ff", .invalidUTF8), ("62c328", .invalidUTF8), ("63eda080", .invalidUTF8),
        ("7f61c361bcff", .invalidUTF8), ("a161ff00", .invalidUTF8),
        ("0000", .trailingBytes), ("a000", .trailingBytes), ("f6ff", .trailingBytes),
    ])
    func whatIsNotOursIsRefused(text: String, code: CBORError.Code) {
        #expect(Self.code(bytes(text)) == code, "\(text)")
    }

    @Test func byteStringsAreRefusedWithTheWayOut() {
        #expect {
            try CBORDecoder.decode(bytes("a16161420102"))
        } throws: { error in
            "\(error)" == "byte 3: a byte string; send text strings (major type 3)"
        }
    }

    /// What JSON cannot say, by itself and inside what it can.
    private static let formless = [
        "40", "4401020304", "5fff", "5f42010243030405ff", "c249010000000000000000", "f7", "f0",
        "f8ff", "f97c00", "f97e00", "f9fc00", "fa7f800000", "fb7ff8000000000000",
        "824100f7", "a16179f7", "a1617941ff",
    ]

    @Test(arguments: formless)
    func whatHasNoFormIsPassedOverInAMemberThatNobodyKnows(text: String) throws {
        let members = "6178\(text)61610161628101"
        for document in ["a3\(members)", "bf\(members)ff"] {
            let value = try CBORDecoder.decode(bytes(document), knownMembers: ["a", "b"])
            #expect(value["a"] == 1 && value["b"] == [1])
        }
        // The same in a member that matters, behind one that does not, and where all do.
        let known = "a261786161" + "6161\(text)"
        #expect(throws: CBORError.self) {
            try CBORDecoder.decode(bytes(known), knownMembers: ["a"])
        }
        #expect(throws: CBORError.self) { try CBORDecoder.decode(bytes("a16178\(text)")) }
        #expect(throws: CBORError.self) {
            try CBORDecoder.decode(bytes("81a16178\(text)"), knownMembers: [])
        }
    }

    @Test func keysOfAnyKindStandInAMemberThatNobodyKnows() throws {
        // {"x": {1: 2, h'00': [], {}: undefined}, "a": 1}
        let text = "a26178a30102410080a0f7616101"
        #expect(try CBORDecoder.decode(bytes(text), knownMembers: ["a"])["a"] == 1)
        #expect(Self.code(bytes(text)) == .keyNotText)
        // Nobody can say whether it is known.
        #expect {
            try CBORDecoder.decode(bytes("a10102"), knownMembers: ["a"])
        } throws: { "\($0)" == "byte 1: a map's key must be a text string" }
    }

    @Test func aMemberThatMattersIsRefusedWithItsPlace() {
        #expect {
            try CBORDecoder.decode(bytes("a2617841006161420102"), knownMembers: ["a"])
        } throws: { "\($0)" == "byte 7: a byte string; send text strings (major type 3)" }
    }

    /// A member that nobody knows ends where it says it does, or there is no next one.
    @Test(arguments: [
        ("a1617844010203", CBORError.Code.unexpectedEnd), ("a161785f4100", .unexpectedEnd),
        ("a161785bffffffffffffffff", .unexpectedEnd), ("a16178a141", .unexpectedEnd),
        ("a161785f6100ff", .notWellFormed), ("a161785f5f4100ffff", .notWellFormed),
        ("a16178ff", .notWellFormed), ("a1617881ff", .notWellFormed),
        ("a16178a1ff00", .notWellFormed), ("a16178f818", .unsupportedItem),
        ("a1617861ff", .invalidUTF8), ("a2617841006178f7", .duplicateKey),
        ("a26178a26179016179026161f7", .duplicateKey), ("a161784100f7", .trailingBytes),
    ])
    func whatIsPassedOverIsWellFormed(text: String, code: CBORError.Code) {
        #expect {
            try CBORDecoder.decode(bytes(text), knownMembers: ["a"])
        } throws: { ($0 as? CBORError)?.code == code }
    }

    @Test func whatIsPassedOverIsNestedNoDeeperThanTheRest() {
        let deep = bytes("a16178") + Array(repeating: 0xA1, count: 100_000)
        #expect {
            try CBORDecoder.decode(deep, knownMembers: [])
        } throws: { ($0 as? CBORError)?.code == .tooDeep }
    }

    @Test(arguments: [0x81, 0x9F] as [UInt8])
    func nestingIsBounded(opening: UInt8) {
        #expect(Self.code(Array(repeating: opening, count: 100_000)) == .tooDeep)
        #expect(Self.code([0x81, 0x81, 0x00], JSONLimits(depthMax: 2)) == nil)
        #expect(Self.code([0x81, 0x81, 0x80], JSONLimits(depthMax: 2)) == .tooDeep)
    }

    @Test func aMillionTagsAreNoNesting() {
        #expect(Self.code(Array(repeating: 0xC0, count: 1_000_000) + [0x00]) == nil)
    }

    @Test func lengthIsBoundedToTheByte() {
        #expect(Self.code([0x61, 0x61], JSONLimits(bytesMax: 2)) == nil)
        #expect(Self.code([0x62, 0x61, 0x61], JSONLimits(bytesMax: 2)) == .tooLarge)
    }

    @Test func everyDocumentSurvivesBothForms() throws {
        let seed: UInt64 = 0x513
        var generator = SeededGenerator(seed: seed)
        for round in 0..<2000 {
            let encoded = CBOREncoder.encode(RandomJSON.value(depth: 4, using: &generator))
            let decoded = try CBORDecoder.decode(encoded)
            #expect(CBOREncoder.encode(decoded) == encoded, "seed \(seed), round \(round)")
            for length in 0..<min(encoded.count, 40) {
                #expect(Self.code(Array(encoded[..<length])) != nil)
            }
        }
    }

    @Test func randomBytesNeverTrap() {
        let seed: UInt64 = 0x514
        var generator = SeededGenerator(seed: seed)
        for round in 0..<50_000 {
            let random = (0..<Int.random(in: 0...20, using: &generator)).map { _ in
                UInt8.random(in: .min ... .max, using: &generator)
            }
            guard let value = try? CBORDecoder.decode(random) else { continue }
            let again = try? CBORDecoder.decode(CBOREncoder.encode(value))
            #expect(again.map(CBOREncoder.encode) == CBOREncoder.encode(value), "round \(round)")
        }
    }

    @Test func everyHalfReadsAndWritesItself() {
        for bits in UInt16.min...UInt16.max {
            let value = CBORHalf.value(bits)
            guard value.isFinite else { continue }
            #expect(CBORHalf.bits(exactly: Float(value)) == bits)
        }
    }

    @Test func aNumberBeyondBinary64BecomesAnInfinity() throws {
        #expect(CBOREncoder.encode(try JSONParser.parse("1e400")) == bytes("f97c00"))
        #expect(CBOREncoder.encode(try JSONParser.parse("-1e400")) == bytes("f9fc00"))
    }
}
