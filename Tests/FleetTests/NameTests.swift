import Fleet
import Testing

@Suite struct NameTests {
    private static func accepts<Name: CheckedName>(_ type: Name.Type, _ text: String) -> Bool {
        do throws(FleetError) {
            let name = try Name(text)
            #expect(name.rawValue == text)
            #expect(name.description == text)
            return true
        } catch {
            #expect(error.code == .invalidRequest)
            #expect(error.message.contains(Name.noun))
            return false
        }
    }

    private static func checkLengths<Name: CheckedName>(_ type: Name.Type) {
        #expect(!Self.accepts(type, ""))
        #expect(Self.accepts(type, "a"))
        #expect(Self.accepts(type, String(repeating: "a", count: Name.charactersMax)))
        #expect(!Self.accepts(type, String(repeating: "a", count: Name.charactersMax + 1)))
    }

    @Test func everyNameHasItsLength() {
        Self.checkLengths(ThingName.self)
        Self.checkLengths(ThingGroupName.self)
        Self.checkLengths(ThingTypeName.self)
        Self.checkLengths(PolicyName.self)
        Self.checkLengths(TemplateName.self)
        Self.checkLengths(HookName.self)
        Self.checkLengths(AllowlistName.self)
    }

    /// Every ASCII character, against the rules of the AWS IoT API model.
    @Test func everyNameHasItsCharacters() {
        let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        for byte in UInt8.min...0x7F {
            let text = String(Unicode.Scalar(byte))
            let inName = (letters + ":_-").contains(text)
            #expect(Self.accepts(ThingName.self, text) == inName)
            #expect(Self.accepts(ThingGroupName.self, text) == inName)
            #expect(Self.accepts(ThingTypeName.self, text) == inName)
            let inPolicy = (letters + "_+=,.@-").contains(text) && text != "."
            #expect(Self.accepts(PolicyName.self, text) == inPolicy)
            #expect(Self.accepts(TemplateName.self, text) == (letters + "_-").contains(text))
            #expect(Self.accepts(HookName.self, text) == (letters + "_-").contains(text))
            #expect(Self.accepts(AllowlistName.self, text) == (letters + "_-").contains(text))
        }
    }

    /// Clients take dot segments out of a path, so that nothing could reach such a policy again.
    @Test func noPolicyIsADotSegment() {
        #expect(!Self.accepts(PolicyName.self, ".."))
        #expect(Self.accepts(PolicyName.self, "..."))
        #expect(Self.accepts(PolicyName.self, "a.b"))
    }

    @Test(arguments: ["é", "e\u{301}", "ａ", "\u{0}a", "a\n", "a b", "../a", "a/b", "a*", "😀"])
    func noNameLeavesASCII(text: String) {
        #expect(!Self.accepts(ThingName.self, text))
        #expect(!Self.accepts(PolicyName.self, text))
        #expect(!Self.accepts(HookName.self, text))
    }

    @Test func aRefusalQuotesShortlyAndOnOneLine() {
        #expect {
            try ThingName("x\n\r\u{0}" + String(repeating: "y", count: 5000))
        } throws: { error in
            let text = "\(error)"
            return text.utf8.count < 300 && !text.contains("\n") && text.contains("…")
        }
    }

    @Test(arguments: [
        ("a", true), ("SN 1/2;x", true), ("é", true), ("", false), (" a", false), ("a ", false),
        ("a\tb", false), ("a\u{0}", false), ("\u{7F}", false), (" ", false),
    ])
    func aSerialNumberIsOneCleanLine(text: String, isOne: Bool) {
        #expect(((try? SerialNumber(text)) != nil) == isOne)
    }

    @Test func aSerialNumbersLengthCountsBytes() {
        let longest = String(repeating: "é", count: SerialNumber.bytesMax / 2)
        #expect((try? SerialNumber(longest)) != nil)
        #expect((try? SerialNumber(longest + "x")) == nil)
    }

    @Test func aCertificateIDIsFoldedHex() throws {
        let hex = String(repeating: "0aF", count: 21) + "9"
        #expect(try CertificateID(hex).rawValue == hex.lowercased())
        let all = CertificateID(sha256: (0..<32).map { UInt8($0) }).rawValue
        #expect(all == "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
        for wrong in [
            "", "0", String(hex.dropLast()), hex + "0", "g" + hex.dropFirst(),
            "0x" + hex.dropFirst(2), "é" + hex.dropFirst(2),
        ] {
            #expect(throws: FleetError.self) { try CertificateID(wrong) }
            #expect(throws: FleetError.self) { try PublicKeyFingerprint(wrong) }
        }
    }

    /// Of whatever gives bytes: a digest, a part of an array, what can be gone through but once.
    @Test func hexHasTwoDigitsForEachByte() {
        let bytes: [UInt8] = [0x00, 0x09, 0x0a, 0x7f, 0x80, 0xff]
        #expect(bytes.hex == "00090a7f80ff")
        #expect(bytes[1...3].hex == "090a7f")
        #expect(CollectionOfOne(UInt8(0xe9)).hex == "e9")
        #expect(AnySequence(AnyIterator(bytes.makeIterator())).hex == bytes.hex)
        #expect([UInt8]().hex.isEmpty)
    }

    /// What a peer sends comes back in errors and goes into logs, so its length must not be its own
    /// choice: one character may be a letter under any number of accents.
    @Test func aQuoteIsShortHoweverTheTextIsComposed() {
        let text = "a" + String(repeating: "\u{301}", count: 100_000)
        #expect(text.count == 1)
        #expect(text.clipped.unicodeScalars.count == 65)
        #expect(text.clipped.unicodeScalars.last == "…")
        let exact = String(repeating: "x", count: 64)
        #expect(exact.clipped == exact)
        #expect((exact + "y").clipped == exact + "…")
    }

    @Test func aQuoteStaysOnItsLine() {
        let text = "a\nb\rc\u{85}d\u{2028}e\u{2029}f\u{1B}g\u{7F}h\u{0}"
        let breaks = text.clipped.unicodeScalars.filter { $0.breaksLines }
        #expect(breaks.isEmpty)
        #expect("a\r\nb".clipped == "a\u{FFFD}\u{FFFD}b")
    }

    /// What a scanner reads is bytes; canonical equivalence (UAX 15) is a reader's affair.
    @Test func serialNumbersAreTheirBytes() throws {
        let composed = try SerialNumber("caf\u{E9}")
        let decomposed = try SerialNumber("cafe\u{301}")
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed, composed]).count == 2)
        #expect(decomposed < composed && !(composed < decomposed))
        #expect(try SerialNumber("S-1") < SerialNumber("S-2"))
    }
}

@Suite struct ARNTests {
    @Test func everyResourceHasItsForm() throws {
        let realm = try Realm(region: "eu-test-1", account: "111122223333")
        let id = try CertificateID(String(repeating: "ab", count: 32))
        let prefix = "arn:aws:iot:eu-test-1:111122223333:"
        let arns: [(ARN, String)] = [
            (realm.thing(try ThingName("t:1")), "thing/t:1"),
            (realm.certificate(id), "cert/\(id)"), (realm.authority(id), "cacert/\(id)"),
            (realm.policy(try PolicyName("p=1")), "policy/p=1"),
            (realm.template(try TemplateName("pumps")), "provisioningtemplate/pumps"),
            (realm.thingGroup(try ThingGroupName("g")), "thinggroup/g"),
            (realm.client("a/b"), "client/a/b"), (realm.topic("$aws/x"), "topic/$aws/x"),
            (realm.topicFilter("a/#"), "topicfilter/a/#"),
        ]
        for (arn, resource) in arns { #expect(arn.rawValue == prefix + resource) }
    }

    @Test func theStandardRealmIsAValidOne() throws {
        #expect(
            try Realm(region: Realm.standard.region, account: Realm.standard.account)
                == Realm.standard)
    }

    @Test(arguments: [
        ("", "111122223333"), ("EU", "111122223333"), ("eu_1", "111122223333"),
        ("eu:1", "111122223333"), (String(repeating: "a", count: 33), "111122223333"),
        ("eu", ""), ("eu", "11112222333"), ("eu", "1111222233334"), ("eu", "11112222333a"),
        ("eu", "*"), ("eu", "１１１１２２２２３３３３"),
    ])
    func anythingElseIsNoRealm(region: String, account: String) {
        #expect(throws: FleetError.self) { try Realm(region: region, account: account) }
    }
}
