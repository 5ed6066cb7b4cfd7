import Testing

@testable import DeviceSimulation

@Suite struct OptionsTests {
    @Test(
        arguments: [
            ("gateway.example", "gateway.example", 8883), ("127.0.0.1:18883", "127.0.0.1", 18883),
            ("[::1]", "::1", 8883), ("[::1]:443", "::1", 443), ("::1", "::1", 8883),
            ("localhost:65535", "localhost", 65535),
        ] as [(String, String, UInt16)])
    func endpointIsRead(text: String, host: String, port: UInt16) throws {
        let endpoint = try Endpoint(parsing: text)
        #expect(endpoint.host == host)
        #expect(endpoint.port == port)
        #expect(try Endpoint(parsing: endpoint.description) == endpoint)
    }

    @Test(arguments: [
        "", ":8883", "host:", "host:0", "host:65536", "host:-1", "host:8883x", "[::1", "[]:1",
        "[::1]8883", "ho st", String(repeating: "a", count: 256),
    ])
    func endpointThatIsNoneIsRefused(text: String) {
        #expect(throws: SimulationError.self) { try Endpoint(parsing: text) }
    }

    @Test(arguments: [
        ("SN-{n:06}", 0, "SN-000001"), ("SN-{n:06}", 1_234_566, "SN-1234567"),
        ("{n}", 9, "10"), ("a{n:2}b", 4, "a05b"),
    ])
    func patternCountsFromOne(pattern: String, index: Int, serial: String) throws {
        let serials = try SerialNumbers(pattern: pattern)
        #expect(serials.serial(at: index) == serial)
        #expect(serials.count == nil)
    }

    @Test(arguments: [
        "SN", "SN-{}", "SN-{m}", "SN-{n:0}", "SN-{n:20}", "SN-{n:x}", "{n", "{n}{n}",
        "{n}" + String(repeating: "x", count: 100),
    ])
    func patternThatCountsNothingIsRefused(pattern: String) {
        #expect(throws: SimulationError.self) { try SerialNumbers(pattern: pattern) }
    }

    @Test func listTakesTheFirstColumn() throws {
        let serials = try SerialNumbers(
            lines: "# station 3\nA1\r\n\n \"B2\" , lot 7\n  C3\n")
        #expect(serials.count == 3)
        #expect((0..<3).map(serials.serial(at:)) == ["A1", "B2", "C3"])
    }

    @Test func byteOrderMarkIsNoPartOfASerial() throws {
        let serials = try SerialNumbers(lines: "\u{FEFF}A1\r\nB2")
        #expect((0..<2).map(serials.serial(at:)) == ["A1", "B2"])
    }

    @Test func listWithoutASerialIsRefused() {
        #expect(throws: SimulationError("the serials file lists no serial")) {
            try SerialNumbers(lines: "# nothing\n\n")
        }
    }

    @Test func serialListedTwiceIsRefusedWithBothLines() {
        #expect(
            throws: SimulationError(
                "line 3 of the serials repeats line 1: each device needs its own")
        ) {
            try SerialNumbers(lines: "A1\nB2\nA1,again\n")
        }
    }

    @Test(arguments: [
        (
            "sslError([Error: 268436504 error:10000418:SSL routines:OPENSSL_internal:"
                + "TLSV1_ALERT_UNKNOWN_CA at /src/tls_record.cc:491])",
            "the gateway refused the certificate shown to it (TLSV1_ALERT_UNKNOWN_CA)"
        ),
        (
            "[error:1000007d:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER]",
            "WRONG_VERSION_NUMBER"
        ),
        ("something else", "something else"),
    ])
    func tlsErrorsAreToldWithoutSourceFiles(description: String, sentence: String) {
        #expect(ConnectionTrouble.tlsSentence(description) == sentence)
    }

    @Test func overlongSerialIsRefusedWithItsLine() {
        let long = String(repeating: "9", count: 101)
        #expect(throws: SimulationError("line 2 of the serials: more than 100 bytes")) {
            try SerialNumbers(lines: "A\n\(long)\n")
        }
    }

    @Test(arguments: [0, -1, Int.min, Int.max])
    func countOutOfRangeIsRefused(value: Int) throws {
        for member in [\SimulationOptions.devices, \.concurrency, \.attemptsMax] {
            var options = try Sample.options()
            options[keyPath: member] = value
            #expect(throws: SimulationError.self) { try options.validate() }
        }
    }

    @Test(arguments: [-1, 101])
    func powerCutIsAPercentage(value: Int) throws {
        var options = try Sample.options()
        options.powerCutPercent = value
        #expect(throws: SimulationError.self) { try options.validate() }
    }

    @Test(arguments: ["", "a b", "a/b", "a+", "a:b", String(repeating: "t", count: 37)])
    func templateNameIsAWSs(name: String) throws {
        var options = try Sample.options()
        options.template = name
        #expect(throws: SimulationError.self) { try options.validate() }
    }

    @Test func moreDevicesThanSerialsAreRefused() throws {
        var options = try Sample.options()
        options.serials = try SerialNumbers(lines: "A\nB")
        options.devices = 3
        #expect(throws: SimulationError("3 devices need as many serials; the file lists 2")) {
            try options.validate()
        }
        options.devices = 2
        try options.validate()
    }

    @Test func credentialsPrintNothing() throws {
        let options = try Sample.options()
        #expect(!"\(options)".contains("secret"))
        #expect("\(options.claim)" == "<certificate and key, redacted>")
    }
}

enum Sample {
    static func options() throws -> SimulationOptions {
        SimulationOptions(
            endpoint: Endpoint(host: "127.0.0.1", port: 1),
            claim: Credentials(
                certificatePEM: Array("secret".utf8), privateKeyPEM: Array("secret".utf8)),
            template: "pumps", serials: try SerialNumbers(pattern: "SN-{n:04}"), devices: 4)
    }
}
