import Fleet

@testable import ControlPlane

/// The credential and the moment of the messaging specification's test vectors (6.4).
enum SignatureFixture {
    /// 2026-01-15T08:30:00Z.
    static let time = UnixTime(seconds: 1_768_465_800)
    static let timestamp = "20260115T083000Z"
    static let host: (name: String, value: String) = ("Host", "gw.slipway.test")
    static let date: (name: String, value: String) = ("X-Amz-Date", "20260115T083000Z")
    static let sessionToken = "FQoGZX/EXAMPLE=="

    static let credential = AccessCredential(
        id: AccessKeyID(checked: "AKIDEXAMPLE"), user: UserName(checked: "alice"),
        roles: [RoleName(checked: "administrator")],
        secret: Secret(WipedBytes(Array(LiteralSigner.secretText.utf8))))

    static let session = AccessCredential(
        id: AccessKeyID(checked: "AKIDEXAMPLE"), user: UserName(checked: "alice"),
        roles: [RoleName(checked: "administrator")],
        secret: Secret(WipedBytes(Array(LiteralSigner.secretText.utf8))),
        session: AccessCredential.Session(
            token: Secret(WipedBytes(Array(Self.sessionToken.utf8))),
            expiresAt: Self.time.advanced(bySeconds: 3600)))

    static let allServices =
        SigningService.controlPlane + SigningService.dataPlane

    static func request(
        _ method: String = "GET", _ path: String = "/things", _ query: String = "",
        headers: [(name: String, value: String)] = [Self.host, Self.date],
        body: SignedRequest.Body = .bytes([])
    ) -> SignedRequest {
        SignedRequest(method: method, path: path, query: query, headers: headers, body: body)
    }

    /// What the verifier says of `request`; nil where it accepts it.
    static func refusal(
        _ request: SignedRequest, at now: UnixTime = Self.time,
        by verifier: SignatureV4 = SignatureV4(services: Self.allServices),
        known: AccessCredential = Self.credential
    ) async -> FleetError? {
        do throws(FleetError) {
            let found = try await verifier.verify(request, at: now) { presented in
                presented.id == known.id ? known : nil
            }
            return found.id == known.id ? nil : FleetError(.internalFailure, "another credential")
        } catch {
            return error
        }
    }
}
