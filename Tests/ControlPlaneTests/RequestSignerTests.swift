import Fleet
import TestSupport
import Testing

@testable import ControlPlane

struct RequestSignerTests {
    private static let now = UnixTime(seconds: 1_768_465_800)
    private static let id = "AKIAIOSFODNN7EXAMPLE"

    private static func secret(_ text: String) -> Secret<WipedBytes> {
        Secret(WipedBytes(Array(text.utf8)))
    }

    /// What the verifier says of a request that the signer has signed.
    private static func verify(
        _ request: SignedRequest, secret: String = "secret", held: String = "secret",
        altered: (SignedRequest) -> SignedRequest = { $0 }
    ) async throws -> AccessCredential {
        let signer = RequestSigner(
            keyID: Self.id, secret: Self.secret(secret), region: "eu-west-1")
        let signed = SignedRequest(
            method: request.method, path: request.path, query: request.query,
            headers: request.headers + signer.headers(signing: request, at: Self.now),
            body: request.body)
        let credential = AccessCredential(
            id: try AccessKeyID(Self.id), user: try UserName("somebody"), roles: [],
            secret: Self.secret(held))
        return try await SignatureV4(services: SigningService.controlPlane).verify(
            altered(signed), at: Self.now
        ) { _ throws(FleetError) in credential }
    }

    private static let request = SignedRequest(
        method: "PUT", path: "/things/a%3Ab%2Fc/principals", query: "b=2&a=%C3%A4%20x&c=",
        headers: [("host", "127.0.0.1:8484"), ("x-amzn-principal", "arn:aws:iot:x  y")],
        body: .bytes(Array("{}".utf8)))

    @Test func whatIsSignedHereIsAcceptedHere() async throws {
        #expect(try await Self.verify(Self.request).id.rawValue == Self.id)
    }

    @Test func aStreamedBodyIsDeclaredUnsigned() async throws {
        let streamed = Self.request.carrying(.streamed)
        #expect(try await Self.verify(streamed).id.rawValue == Self.id)
    }

    @Test func anotherSecretAndAnAlteredRequestAreRefused() async {
        await #expect(throws: FleetError.self) {
            try await Self.verify(Self.request, held: "another")
        }
        await #expect(throws: FleetError.self) {
            try await Self.verify(Self.request) { $0.carrying(.bytes(Array("[]".utf8))) }
        }
    }
}
