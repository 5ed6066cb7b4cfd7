import JSON
import Testing

/// The part of YAML that settings are written in.
@Suite struct YAMLReaderTests {
    private func parse(_ text: String) throws -> JSONValue {
        try YAMLReader.parse(Array(text.utf8))
    }

    @Test func whatPeopleWriteIsRead() throws {
        let value = try self.parse(
            """
            # a profile
            use: device   # trailing
            validity: 10y
            number: -12
            flag: true
            nothing:
            oid: 1.3.6.1
            hash: a#b
            list: [EC-P256, "RSA, 2048", 'it''s']
            subject:
              default: CN=Slipway Device
              require:
                - CN
                - serialNumber
            same-column:
            - one
            - two
            extensions:
              - oid: 1.2.3
                text: "${serialNumber}"
              - oid: 1.2.4
                text: 'x: y'
            """)
        #expect(
            value == [
                "use": "device", "validity": "10y", "number": -12, "flag": true, "nothing": nil,
                "oid": "1.3.6.1", "hash": "a#b", "list": ["EC-P256", "RSA, 2048", "it's"],
                "subject": [
                    "default": "CN=Slipway Device", "require": ["CN", "serialNumber"],
                ],
                "same-column": ["one", "two"],
                "extensions": [
                    ["oid": "1.2.3", "text": "${serialNumber}"],
                    ["oid": "1.2.4", "text": "x: y"],
                ],
            ])
    }

    @Test(arguments: [
        ("", 1), ("  a: 1", 1), ("a: 1\na: 2", 2), ("a: 1\n\tb: 2", 2), ("a: &x 1", 1),
        ("a: *x", 1), ("a: !!str 1", 1), ("a: |\n  x", 2), ("---\na: 1", 1), ("a: 1\n...", 2),
        ("a: 1\n  b: 2", 2), ("a:\n    b: 1\n  c: 2", 3), ("a: [1", 1), ("a: [1, [2]]", 1),
        ("a: {b: 1}", 1), ("a: \"x", 1), ("a: 'x", 1), ("- a\nb: 1", 2), ("a: b: c", 1),
        ("a b: 1", 1), ("a: [1,, 2]", 1), ("- - a", 1), ("a: x:", 1), ("just text", 1),
        ("a: 1\n b: 2", 2), ("a: 1\r\n", 1),
    ])
    func whatIsNotPartOfItIsRefusedWithItsLine(_ text: String, _ line: Int) throws {
        let error = try #require(throws: YAMLError.self) { try self.parse(text) }
        #expect(error.line == line, "\(error)")
    }

    @Test func depthAndSizeAreBounded() {
        let deep = (0..<40).map { String(repeating: " ", count: $0) + "a:" }
        #expect(throws: YAMLError.self) { try self.parse(deep.joined(separator: "\n")) }
        let large = String(repeating: "a", count: YAMLReader.bytesMax + 1)
        #expect(throws: YAMLError.self) { try self.parse("a: " + large) }
        #expect(throws: YAMLError.self) { try YAMLReader.parse([0x61, 0x3A, 0x20, 0xFF]) }
    }

    /// No input ends the process.
    @Test func everyTruncationIsReadOrRefused() {
        let text = "a:\n  - b: \"x\\n\"\n    c: [1, 'y']\n  - d: |\ne: &f\n"
        for count in 0...text.utf8.count {
            _ = try? YAMLReader.parse(Array(text.utf8.prefix(count)))
        }
    }
}
