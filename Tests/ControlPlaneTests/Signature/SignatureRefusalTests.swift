import Fleet
import HTTPTypes
import Testing

@testable import ControlPlane

/// Who is refused, and in AWS's words.
@Suite struct SignatureRefusalTests {
    private typealias Fixture = SignatureFixture

    private let signer = LiteralSigner()
    private let signedHeaders = ["host", "x-amz-date"]

    private func signed(_ request: SignedRequest = Fixture.request()) -> SignedRequest {
        self.signer.signed(request, self.signedHeaders)
    }

    @Test func aRequestWithoutASignatureIsTold() async {
        let refusal = await Fixture.refusal(Fixture.request())
        #expect(refusal?.code == .missingAuthenticationToken)
        #expect(refusal?.message == "Missing Authentication Token")
    }

    @Test func anUnknownKeyIsNotRecognized() async {
        var signer = self.signer
        signer.keyID = "AKIDOTHER"
        let refusal = await Fixture.refusal(signer.signed(Fixture.request(), self.signedHeaders))
        #expect(refusal?.code == .unrecognizedClient)
        #expect(refusal?.message == "The security token included in the request is invalid.")
    }

    @Test func aWrongSecretIsToldSo() async {
        var signer = self.signer
        signer.secret = "another"
        let refusal = await Fixture.refusal(signer.signed(Fixture.request(), self.signedHeaders))
        #expect(refusal?.code == .invalidSignature)
        #expect(
            refusal?.message.hasPrefix("The request signature we calculated does not match") == true
        )
    }

    /// A key that was proven once is not taken on trust the next time.
    @Test func aWrongSecretIsRefusedAfterARightOne() async {
        let verifier = SignatureV4(services: SigningService.controlPlane)
        #expect(await Fixture.refusal(self.signed(), by: verifier) == nil)
        var signer = self.signer
        signer.secret = "another"
        let refusal = await Fixture.refusal(
            signer.signed(Fixture.request(), self.signedHeaders), by: verifier)
        #expect(refusal?.code == .invalidSignature)
        #expect(await Fixture.refusal(self.signed(), by: verifier) == nil)
    }

    @Test func aLongTermKeyHasNoToken() async {
        let request = Fixture.request(
            headers: [Fixture.host, Fixture.date, ("X-Amz-Security-Token", "x")])
        let refusal = await Fixture.refusal(
            self.signer.signed(request, ["host", "x-amz-date", "x-amz-security-token"]))
        #expect(refusal?.code == .unrecognizedClient)
    }

    @Test(arguments: [nil, "another", SignatureFixture.sessionToken + "=", "FQoGZX/EXAMPLE=/"])
    func aSessionNeedsItsOwnToken(token: String?) async {
        let header = token.map { [(name: "X-Amz-Security-Token", value: $0)] } ?? []
        let names = token == nil ? [] : ["x-amz-security-token"]
        let request = Fixture.request(headers: [Fixture.host, Fixture.date] + header)
        let refusal = await Fixture.refusal(
            self.signer.signed(request, self.signedHeaders + names), known: Fixture.session)
        #expect(refusal?.code == .unrecognizedClient)
    }

    @Test func aSessionEnds() async {
        let ended = AccessCredential(
            id: Fixture.credential.id, user: Fixture.credential.user, roles: [],
            secret: Fixture.credential.secret,
            session: AccessCredential.Session(
                token: Secret(WipedBytes(Array(Fixture.sessionToken.utf8))),
                expiresAt: Fixture.time))
        let request = Fixture.request(
            headers: [
                Fixture.host, Fixture.date, ("X-Amz-Security-Token", Fixture.sessionToken),
            ])
        let refusal = await Fixture.refusal(
            self.signer.signed(request, self.signedHeaders + ["x-amz-security-token"]),
            known: ended)
        #expect(refusal?.code == .expiredToken)
    }

    @Test(
        arguments: [
            (-300, nil), (300, nil),
            (
                -301,
                "Signature not yet current: 20260115T083000Z is still later than 20260115T082959Z "
                    + "(20260115T082459Z + 5 min.)"
            ),
            (
                301,
                "Signature expired: 20260115T083000Z is now earlier than 20260115T083001Z "
                    + "(20260115T083501Z - 5 min.)"
            ),
        ] as [(Int64, String?)])
    func aRequestIsGoodForFiveMinutesEitherWay(seconds: Int64, message: String?) async {
        let refusal = await Fixture.refusal(
            self.signed(), at: Fixture.time.advanced(bySeconds: seconds))
        #expect(refusal?.message == message)
        if let refusal { #expect(refusal.code == .invalidSignature) }
    }

    @Test(arguments: [(0, nil), (59, nil), (60, "Signature expired: 20260115T083100Z is now ")])
    func aPresignedRequestIsGoodForAsLongAsItSays(seconds: Int, message: String?) async {
        let request = self.signer.presigned(
            Fixture.request(headers: [Fixture.host]), ["host"], expires: 60)
        let refusal = await Fixture.refusal(
            request, at: Fixture.time.advanced(bySeconds: Int64(seconds)))
        #expect((refusal == nil) == (message == nil))
        if let message { #expect(refusal?.message.hasPrefix(message) == true) }
    }

    @Test(arguments: [(300, true), (301, false)])
    func aPresignedRequestThatDoesNotSayIsGoodForFiveMinutes(seconds: Int, good: Bool) async {
        let request = self.signer.presigned(Fixture.request(headers: [Fixture.host]), ["host"])
        let refusal = await Fixture.refusal(
            request, at: Fixture.time.advanced(bySeconds: Int64(seconds)))
        #expect((refusal == nil) == good)
    }

    @Test(arguments: [1, 604_800]) func aPresignedRequestLivesAWeekAtMost(expires: Int) async {
        let good = self.signer.presigned(
            Fixture.request(headers: [Fixture.host]), ["host"], expires: expires)
        #expect(await Fixture.refusal(good) == nil)
        let bad = self.signer.presigned(
            Fixture.request(headers: [Fixture.host]), ["host"],
            expires: expires == 1 ? 0 : expires + 1)
        #expect(await Fixture.refusal(bad)?.code == .incompleteSignature)
    }

    @Test func theScopesDayIsTheDateOfTheRequest() async {
        // Signed a second before midnight, with the next day in the scope.
        let request = self.signer.signed(
            Fixture.request(headers: [Fixture.host, ("X-Amz-Date", "20260114T235959Z")]),
            self.signedHeaders)
        let refusal = await Fixture.refusal(
            request, at: UnixTime(seconds: 1_768_435_199))
        #expect(refusal?.code == .invalidSignature)
        #expect(
            refusal?.message
                == "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of "
                + "date from HTTP: '20260115' != '20260114', from '20260114T235959Z'.")
    }

    @Test func theServiceMustBeTheRightOne() async {
        var signer = self.signer
        signer.service = "s3"
        let refusal = await Fixture.refusal(
            signer.signed(Fixture.request(), self.signedHeaders),
            by: SignatureV4(services: SigningService.controlPlane))
        #expect(
            refusal?.message
                == "Credential should be scoped to correct service: 'iot' or 'execute-api'.")
    }

    @Test(arguments: [(nil, true), ("eu-west-1", true), ("local", false)] as [(String?, Bool)])
    func theRegionIsAnyUnlessOneIsDemanded(region: String?, good: Bool) async {
        let refusal = await Fixture.refusal(
            self.signed(),
            by: SignatureV4(services: SigningService.controlPlane, region: region))
        #expect((refusal == nil) == good)
    }

    @Test func theHostMustBeSigned() async {
        let refusal = await Fixture.refusal(
            self.signer.signed(Fixture.request(), ["x-amz-date"]))
        #expect(
            refusal?.message
                == "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    }

    @Test(arguments: ["x-amzn-principal", "X-Amz-Target", "x-amzn-iot-policy"])
    func everyHeaderThatSaysWhatIsAskedForMustBeSigned(name: String) async {
        let request = Fixture.request(headers: [Fixture.host, Fixture.date, (name, "x")])
        let refusal = await Fixture.refusal(self.signed(request))
        #expect(refusal?.code == .invalidSignature)
        #expect(refusal?.message.contains(name.lowercased()) == true)
    }

    @Test(arguments: ["x-amzn-trace-id", "User-Agent", "Connection", "amz-sdk-request"])
    func aHeaderThatProxiesTouchNeedNotBe(name: String) async {
        let request = Fixture.request(headers: [Fixture.host, Fixture.date, (name, "x")])
        #expect(await Fixture.refusal(self.signed(request)) == nil)
    }

    @Test func aSignedHeaderMustHaveArrived() async {
        let refusal = await Fixture.refusal(
            self.signer.signed(Fixture.request(), ["host", "my-header", "x-amz-date"]))
        #expect(
            refusal?.message == "The header 'my-header' is signed, and is not in the request.")
    }

    @Test func aBodyMustBeTheOneThatWasDeclared() async {
        let names = ["host", "x-amz-content-sha256", "x-amz-date"]
        let request = Fixture.request(
            headers: [
                Fixture.host, Fixture.date,
                ("x-amz-content-sha256", String(repeating: "0", count: 64)),
            ], body: .bytes(Array("{}".utf8)))
        let refusal = await Fixture.refusal(self.signer.signed(request, names))
        #expect(
            refusal?.message
                == "The provided 'x-amz-content-sha256' header does not match what was computed.")
    }

    /// It stands in what is signed as it is, and cannot be changed on the way.
    @Test func theBodysHashNeedNotBeSignedAsAHeaderToo() async {
        let body = SignedRequest.Body.bytes(Array("{}".utf8))
        let hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        func request(_ declared: String) -> SignedRequest {
            Fixture.request(
                "POST",
                headers: [Fixture.host, Fixture.date, ("X-Amz-Content-Sha256", declared)],
                body: body)
        }
        for declared in [hash, SignedRequest.unsignedBody] {
            let signed = self.signed(request(declared))
            #expect(await Fixture.refusal(signed) == nil)
            // The same signature with the other one of the two.
            let other = declared == hash ? SignedRequest.unsignedBody : hash
            let altered = SignedRequest(
                method: signed.method, path: signed.path, query: signed.query,
                headers: signed.headers.map { header in
                    let isDeclaration = header.name == "x-amz-content-sha256"
                    return (name: header.name, value: isDeclaration ? other : header.value)
                }, body: body)
            #expect(await Fixture.refusal(altered)?.code == .invalidSignature)
        }
    }

    @Test(arguments: [true, false]) func anUnsignedBodyMayBeRefused(accepts: Bool) async {
        let names = ["host", "x-amz-content-sha256", "x-amz-date"]
        let request = Fixture.request(
            "POST",
            headers: [
                Fixture.host, Fixture.date, ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
            ], body: .bytes(Array("{}".utf8)))
        let refusal = await Fixture.refusal(
            self.signer.signed(request, names),
            by: SignatureV4(
                services: SigningService.controlPlane, acceptsUnsignedBody: accepts))
        #expect((refusal == nil) == accepts)
    }

    @Test func aStreamedBodyIsDeclared() async {
        let names = ["host", "x-amz-content-sha256", "x-amz-date"]
        let hash = String(repeating: "a", count: 64)
        let request = Fixture.request(
            headers: [Fixture.host, Fixture.date, ("X-Amz-Content-Sha256", hash)], body: .streamed)
        #expect(await Fixture.refusal(self.signer.signed(request, names)) == nil)
        #expect(request.declaredBodySHA256 == hash)
        let undeclared = Fixture.request(body: .streamed)
        #expect(
            await Fixture.refusal(self.signed(undeclared))?.code == .incompleteSignature)
    }

    @Test(arguments: [
        "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA512 Credential=a", "Basic YTpi", "",
        "AWS4-HMAC-SHA256 Credential=, SignedHeaders=host, Signature=",
        "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260115/r/iot/aws4_request, "
            + "SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260115/r/iot/aws4_request, "
            + "SignedHeaders=x;host, Signature=" + String(repeating: "0", count: 64),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260115/r/iot/aws4_request, "
            + "SignedHeaders=Host, Signature=" + String(repeating: "0", count: 64),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260115/r/iot/aws4_request, "
            + "SignedHeaders=host, Signature=" + String(repeating: "A", count: 64),
        "AWS4-HMAC-SHA256 Credential=a/20260115/r/iot/aws4_request, Credential=b",
    ])
    func anAuthorizationHeaderOfAnotherShapeIsIncomplete(text: String) async {
        let request = Fixture.request(
            headers: [Fixture.host, Fixture.date, ("Authorization", text)])
        let refusal = await Fixture.refusal(request)
        #expect(refusal?.code == .incompleteSignature)
        #expect(refusal?.message.isEmpty == false)
    }

    @Test func everyPartThatIsMissingIsNamed() async {
        let request = Fixture.request(
            headers: [Fixture.host, ("Authorization", "AWS4-HMAC-SHA256 Credential=a/b")])
        #expect(
            await Fixture.refusal(request)?.message
                == "Authorization header requires 'Signature' parameter. Authorization header "
                + "requires 'SignedHeaders' parameter. Authorization header requires existence "
                + "of either a 'X-Amz-Date' or a 'Date' header.")
    }

    @Test func aRequestIsSignedOnce() async {
        let request = self.signer.presigned(self.signed(), ["host"], expires: 60)
        #expect(await Fixture.refusal(request)?.code == .incompleteSignature)
        let twice = self.signer.signed(self.signed(), self.signedHeaders)
        #expect(await Fixture.refusal(twice)?.code == .incompleteSignature)
    }

    @Test(arguments: [
        "2026-01-15T08:30:00Z", "20260115T083000", "20260115T083060Z", "20260115T243000Z",
        "20260230T083000Z", "20260431T083000Z", "20250229T083000Z", "19000229T083000Z",
        "20260100T083000Z", "20261315T083000Z", "20260115t083000Z", "", "２０２６0115T08",
        "Thu, 15 Jan 2026 08:30:00 UTC",
    ])
    func aDateOfAnotherShapeIsIncomplete(text: String) async {
        let request = self.signed(
            Fixture.request(headers: [Fixture.host, ("X-Amz-Date", text)]))
        #expect(await Fixture.refusal(request)?.code == .incompleteSignature)
    }

    /// Looked at before anybody has proven anything: as many as a header holds would take long.
    @Test func theHeaderHasAHandfulOfParts() async {
        for (count, code) in [
            (SignatureParameters.membersMax, FleetError.Code.unrecognizedClient),
            (SignatureParameters.membersMax + 1, .incompleteSignature),
            (20_000, .incompleteSignature),
        ] {
            let known = [
                "Credential=AKIDNOBODY/20260115/eu-west-1/iot/aws4_request", "SignedHeaders=host",
                "Signature=" + String(repeating: "0", count: 64),
            ]
            let members = known + (0..<count - known.count).map { "m\($0)=" }
            let request = Fixture.request(headers: [
                Fixture.host, ("X-Amz-Date", "20260115T083000Z"),
                ("Authorization", "AWS4-HMAC-SHA256 " + members.joined(separator: ",")),
            ])
            #expect(await Fixture.refusal(request)?.code == code)
        }
    }

    @Test func whatIsNotSignedWithCannotPushKeysOut() async {
        let keys = SigningKeys()
        let verifier = SignatureV4(services: SigningService.controlPlane, keys: keys)
        var forger = self.signer
        forger.secret = "another"
        for number in 0..<50 {
            forger.region = "r-\(number)"
            _ = await Fixture.refusal(
                forger.signed(Fixture.request(), self.signedHeaders), by: verifier)
        }
        #expect(keys.count == 0)
    }

    @Test func theKeysThatAreKeptAreBounded() async {
        let keys = SigningKeys()
        let verifier = SignatureV4(services: SigningService.controlPlane, keys: keys)
        var signer = self.signer
        for number in 0..<3 * SigningKeys.keysMax {
            signer.region = "r-\(number)"
            _ = await Fixture.refusal(
                signer.signed(Fixture.request(), self.signedHeaders), by: verifier)
        }
        #expect(keys.count <= 2 * SigningKeys.keysMax)
        #expect(keys.count >= SigningKeys.keysMax)
    }

    @Test func theNamedKeyIsToldForTheLog() {
        #expect(
            SignatureV4.presentedKeyID(self.signed()) == AccessKeyID(checked: "AKIDEXAMPLE"))
        #expect(SignatureV4.presentedKeyID(Fixture.request()) == nil)
    }

    @Test func aReceivedHeadIsReadAsItStoodOnTheWire() {
        let request = SignedRequest(
            HTTPRequest(
                method: .put, scheme: nil, authority: "gw:1", path: "/a%2Fb?c=%20&d",
                headerFields: [.contentType: "x", .date: "y"]), body: .bytes([]))
        #expect(request.method == "PUT")
        #expect(request.path == "/a%2Fb")
        #expect(request.query == "c=%20&d")
        #expect(request.headers.map(\.name) == ["host", "content-type", "date"])
        #expect(request.normalizedPath == "/a%2Fb")
    }
}
