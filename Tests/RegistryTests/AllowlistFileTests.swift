import Fleet
import Testing

@testable import Registry

@Suite struct AllowlistFileTests {
    private static func read(_ bytes: [UInt8], inPiecesOf size: Int) -> [AllowlistFile.Finding] {
        var file = AllowlistFile()
        var findings: [AllowlistFile.Finding] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            findings += file.read(bytes[start..<min(start + size, bytes.count)])
        }
        return findings + file.finish()
    }

    private static func entries(_ text: String) -> [AllowlistFacts] {
        Self.read(Array(text.utf8), inPiecesOf: .max).compactMap { finding in
            if case .serial(let entry, _) = finding { entry } else { nil }
        }
    }

    @Test func otherColumnsSayMoreOfAUnit() throws {
        let key = String(repeating: "ab", count: 32)
        let text = """
            Lot,Serial Number,key_fingerprint,MAC Address,Hardware-Type,state,site,
            L1, A1 ,\(key.uppercased()),02-AB-00-00-00-01,mk2,held,"plant, north",x
            ,A2,,,,,,
            L3,A3
            """
        var first = AllowlistFacts(serial: try SerialNumber("A1"), lot: "L1", firstState: .held)
        first.key = try PublicKeyFingerprint(key)
        first.mac = "02:ab:00:00:00:01"
        first.hardwareType = "mk2"
        first.attributes = ["site": "plant, north"]
        #expect(
            Self.entries(text) == [
                first, AllowlistFacts(serial: try SerialNumber("A2")),
                AllowlistFacts(serial: try SerialNumber("A3"), lot: "L3"),
            ])
    }

    @Test(arguments: [
        "serial,key\nA,12\n", "serial,mac\nA,02:00\n", "serial,state\nA,provisioned\n",
        "serial,lot,Lot\nA,x,y\n", "serial,serial\nA,B\n", "Serial Number,serial\nA,B\n",
        "serial,lot\nA,L1,x\n", "lot,model\nA,L1\n",
        "serial,lot\nA,L\u{1B}[31m\n", "serial,site\nA,a\u{2028}b\n", "lot\nA\n",
        "lot,state,site\nA,held,x\n",
    ])
    func aFieldThatMakesNoSenseIsABadLine(_ text: String) {
        #expect(Self.serials(text).contains { $0.hasSuffix(":bad") })
    }

    /// A list can be moved or restored: an export is a file that import takes.
    @Test func anExportCanBeReadAgain() throws {
        let text = """
            serial,key_fingerprint,mac,hardware_type,lot,state,station,thing,since,site
            A1,,,mk1,L1,provisioned,nest-3,pump-A1,2026-01-01T00:00:00Z,north
            A2,,,,,held,,,2026-01-01T00:00:00Z,
            A3,,,,,released,,,,
            A4,,,,,leased,nest-3,,,
            A5,,,,,blocked,,,,
            """
        let entries = Self.entries(text)
        #expect(
            entries.map(\.firstState) == [.expected, .held, .expected, .expected, .blocked])
        #expect(entries[0].attributes == ["site": "north"])
        // A file of one's own that has a station for each unit keeps it.
        #expect(Self.entries("serial,station\nA,nest-3\n")[0].attributes == ["station": "nest-3"])
    }

    private static func serials(_ text: String) -> [String] {
        Self.read(Array(text.utf8), inPiecesOf: .max).map { finding in
            switch finding {
            case .serial(let entry, let line): "\(line):\(entry.serial)"
            case .badLine(let line, _): "\(line):bad"
            }
        }
    }

    @Test(arguments: [
        ("A\nB\n", ["1:A", "2:B"]),
        ("A\nB", ["1:A", "2:B"]),
        ("A\r\nB\r\n", ["1:A", "2:B"]),
        ("\u{FEFF}A\n", ["1:A"]),
        ("\n  \nA\n\n", ["3:A"]),
        ("serial\nA\n", ["2:A"]),
        ("site,Serial-Number\nx,A\ny,B\n", ["2:A", "3:B"]),
        ("SerialNumber,site\n A ,x\n", ["2:A"]),
        ("A,x\nB\n", ["1:A", "2:B"]),
        ("\"A,1\",x\n\"B \"\"2\"\"\"\n", ["1:A,1", "2:B \"2\""]),
        ("site,serial\nx\n", ["2:bad"]),
        ("\"A\nB\n", ["1:bad", "2:B"]),
        ("\"A\"x\nB\n", ["1:bad", "2:B"]),
        (",x\n", ["1:bad"]),
        ("A\u{0}B\n", ["1:bad"]),
        ("serial;lot\nA;x\n", ["1:bad", "2:A;x"]),
        ("lot;\"Serial Number\"\nx;A\n", ["1:bad", "2:x;A"]),
        ("serial\tlot\nA\n", ["1:bad", "2:A"]),
        ("A;x\nB;y\n", ["1:A;x", "2:B;y"]),
        ("sn,lot\nA,L1\n", ["1:bad", "2:A"]),
        ("Device-ID\nA\n", ["1:bad", "2:A"]),
        ("site,Serial No\nx,A\n", ["1:bad", "2:x"]),
        ("SN-1,lot\nSN-2\n", ["1:SN-1", "2:SN-2"]),
        ("", []),
    ])
    func readsAsStated(text: String, expected: [String]) {
        #expect(Self.serials(text) == expected)
    }

    @Test func aLineThatIsTooLongIsBadAndTheNextIsRead() {
        let long = String(repeating: "x", count: AllowlistFile.lineBytesMax * 3)
        #expect(Self.serials("\(long)\nA\n") == ["1:bad", "2:A"])
    }

    @Test func bytesThatAreNoUTF8AreABadLine() {
        let findings = Self.read([0x41, 0xFF, 0x0A, 0x42], inPiecesOf: 1)
        #expect(findings.count == 2)
        guard case .badLine(1, let reason) = findings[0] else {
            Issue.record("expected a bad first line, got \(findings[0])")
            return
        }
        #expect(reason.contains("UTF-8"))
    }

    @Test(arguments: 1...17)
    func howTheFileIsCutChangesNothing(size: Int) {
        let text = "\u{FEFF}site,serial\r\nx,\"A\"\"1\"\r\n\r\ny,B\nz\nlast,C"
        let bytes = Array(text.utf8)
        #expect(Self.read(bytes, inPiecesOf: size) == Self.read(bytes, inPiecesOf: .max))
    }
}
