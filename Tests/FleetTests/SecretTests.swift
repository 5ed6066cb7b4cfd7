import Fleet
import Testing

@Suite struct SecretTests {
    private struct Holder { let secret: Secret<String> }
    private final class Box { let secret = Secret("hunter2") }
    private enum Case { case secret(Secret<String>, Int) }

    private static func everyPrinting(of value: some Any) -> [String] {
        var dumped = ""
        dump(value, to: &dumped)
        var printed = ""
        print(value, to: &printed)
        return [dumped, printed, "\(value)", String(describing: value), String(reflecting: value)]
    }

    @Test func printsAsRedactedEverywhere() {
        let secret = Secret("hunter2")
        let values: [Any] = [
            secret, Secret(Array("hunter2".utf8)), Holder(secret: secret), Box(),
            Case.secret(secret, 1), [secret], ["key": secret], (secret, 1),
            Optional(secret) as Any,
        ]
        for value in values {
            for text in Self.everyPrinting(of: value) {
                #expect(!text.contains("hunter2"))
                #expect(!text.contains("104"))
            }
        }
        #expect("\(secret)" == "<redacted>")
    }

    @Test func aMirrorShowsNothing() {
        #expect(Mirror(reflecting: Secret("hunter2")).children.isEmpty)
    }

    @Test func isExposedOnlyOnRequest() throws {
        #expect(Secret("hunter2").expose { $0.count } == 7)
        #expect(throws: FleetError.self) {
            try Secret(1).expose { _ throws(FleetError) in
                throw FleetError(.internalFailure, "no")
            }
        }
    }
}

@Suite struct WipedBytesTests {
    @Test func handsBackWhatItWasGiven() {
        let bytes = (0...255).map { UInt8($0) }
        let wiped = WipedBytes(bytes)
        #expect(wiped.count == 256)
        #expect(wiped.withBytes { Array($0) } == bytes)
    }

    @Test func mayBeEmpty() {
        #expect(WipedBytes([]).count == 0)
        #expect(WipedBytes([]).withBytes { $0.isEmpty })
    }

    @Test func printsNoneOfItsBytes() {
        let wiped = WipedBytes(Array("hunter2".utf8))
        var dumped = ""
        dump(wiped, to: &dumped)
        for text in [dumped, "\(wiped)", String(reflecting: wiped)] {
            // As an element of its own; the digits may also stand inside an address.
            #expect(!text.contains("- 104\n") && !text.contains("hunter2"))
        }
    }
}
