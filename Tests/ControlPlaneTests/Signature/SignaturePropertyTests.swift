import Fleet
import TestSupport
import Testing

@testable import ControlPlane

/// Random requests, signed by the literal signer.
@Suite struct SignaturePropertyTests {
    private static let verifier = SignatureV4(services: SignatureFixture.allServices)

    struct Sample {
        let request: SignedRequest
        let signedHeaders: [String]
        let isPresigned: Bool
    }

    private static func pick<Element>(
        _ elements: [Element], _ generator: inout SplitMix64
    ) -> Element {
        elements[Int(generator.next() % UInt64(elements.count))]
    }

    private static func text(_ pieces: [String], _ generator: inout SplitMix64) -> String {
        (0..<Int(generator.next() % 8)).map { _ in Self.pick(pieces, &generator) }.joined()
    }

    private static func sample(_ generator: inout SplitMix64) -> Sample {
        let pathPieces = [
            "a", "Z", "0", "/", "//", ".", "..", "/../", "/./", "%2F", "%20", "%C3%BC", "~", "-",
            "_", ":", "+", "=", "@", "$", "ü", "*", "%", "%zz",
        ]
        let queryPieces = [
            "a", "b", "=", "&", "%20", "+", "%2B", "%", "%C3", "ü", "~", "/", "?", "%26", "%3D",
            "A", "1",
        ]
        let valuePieces = ["a", " ", "  ", "\t", "b", ",", "\"", "ü", "=", ";"]
        var headers = [SignatureFixture.host]
        var signed = ["host"]
        for name in ["x-amzn-principal", "my-header", "content-type"]
        where generator.next().isMultiple(of: 2) {
            for _ in 0...Int(generator.next() % 2) {
                headers.append((name, Self.text(valuePieces, &generator)))
            }
            signed.append(name)
        }
        let isPresigned = generator.next().isMultiple(of: 3)
        if !isPresigned {
            headers.append(SignatureFixture.date)
            signed.append("x-amz-date")
        }
        signed.sort()
        var signer = LiteralSigner()
        signer.service = Self.pick(["iot", "execute-api", "iotdata"], &generator)
        signer.region = Self.pick(["eu-west-1", "local", "us-gov-east-1"], &generator)
        let request = SignedRequest(
            method: Self.pick(["GET", "POST", "PUT", "PATCH", "DELETE"], &generator),
            path: "/" + Self.text(pathPieces, &generator),
            query: Self.text(queryPieces, &generator), headers: headers,
            body: .bytes(Array(Self.text(valuePieces, &generator).utf8)))
        return Sample(
            request: isPresigned
                ? signer.presigned(request, signed, expires: 60) : signer.signed(request, signed),
            signedHeaders: signed, isPresigned: isPresigned)
    }

    @Test(arguments: [UInt64(1), 2, 3, 4]) func whatIsSignedIsAccepted(seed: UInt64) async {
        var generator = SplitMix64(seed: seed)
        for round in 0..<500 {
            let sample = Self.sample(&generator)
            let refusal = await SignatureFixture.refusal(sample.request, by: Self.verifier)
            #expect(refusal == nil, "seed \(seed), round \(round): \(sample.request)")
        }
    }

    /// Whatever part of it is altered, by whatever byte: unless what is asked for stays the same
    /// to the letter, the request is refused.
    @Test(arguments: [UInt64(11), 12, 13, 14]) func oneAlteredByteIsRefused(
        seed: UInt64
    ) async throws {
        var generator = SplitMix64(seed: seed)
        var refused = 0
        for round in 0..<500 {
            let sample = Self.sample(&generator)
            let altered = Self.altered(sample.request, &generator)
            let before = Self.meaning(sample.request, sample)
            guard Self.meaning(altered, sample) != before else { continue }
            let refusal = await SignatureFixture.refusal(altered, by: Self.verifier)
            let codes: [FleetError.Code] = [
                .invalidSignature, .incompleteSignature, .unrecognizedClient,
                .missingAuthenticationToken,
            ]
            let code = try #require(
                refusal?.code, "seed \(seed), round \(round): \(altered)")
            #expect(codes.contains(code))
            refused += 1
        }
        #expect(refused > 300)
    }

    /// What a request asks for and what it says of its signature. White space between the members
    /// of an Authorization header means nothing.
    private static func meaning(_ request: SignedRequest, _ sample: Sample) -> [String] {
        let authorization = request.values(of: "authorization").map { value in
            value.split(separator: ",").map { member in
                member.drop { $0 == " " }.prefix { $0 != " " || !member.contains("=") }
            }.joined(separator: ",")
        }
        return [
            LiteralSigner.canonical(request, sample.signedHeaders, leavingOut: [])
        ] + authorization
    }

    private static func altered(
        _ request: SignedRequest, _ generator: inout SplitMix64
    ) -> SignedRequest {
        var method = request.method
        var path = request.path
        var query = request.query
        var headers = request.headers
        var body: [UInt8] = []
        if case .bytes(let bytes) = request.body { body = bytes }
        switch generator.next() % 6 {
        case 0: Self.alter(&method, &generator)
        case 1: Self.alter(&path, &generator)
        case 2: Self.alter(&query, &generator)
        case 3:
            body.insert(
                UInt8(truncatingIfNeeded: generator.next()),
                at: Int(generator.next() % UInt64(body.count + 1)))
        default:
            let index = Int(generator.next() % UInt64(headers.count))
            var value = headers[index].value
            Self.alter(&value, &generator)
            headers[index] = (headers[index].name, value)
        }
        return SignedRequest(
            method: method, path: path, query: query, headers: headers, body: .bytes(body))
    }

    /// One printable byte replaced, put in or taken out.
    private static func alter(_ text: inout String, _ generator: inout SplitMix64) {
        var bytes = Array(text.utf8)
        let byte = UInt8(0x21 + generator.next() % 94)
        let place = Int(generator.next() % UInt64(bytes.count + 1))
        switch (generator.next() % 3, place < bytes.count) {
        case (0, true): bytes[place] = byte
        case (1, true): bytes.remove(at: place)
        default: bytes.insert(byte, at: place)
        }
        text = String(decoding: bytes, as: UTF8.self)
    }
}
