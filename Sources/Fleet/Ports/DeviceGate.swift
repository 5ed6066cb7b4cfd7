/// The gateway's own judgement of a device, for those who come by another door than MQTT: the same
/// registry, the same validity, the same policies, the same engine.
package protocol DeviceGate: Sendable {
    /// That TLS may go on with a certificate, as it may at the gateway.
    /// - Parameter der: the client's certificate.
    /// - Throws: `FleetError`, saying what speaks against it; the operator finds it where the
    ///   gateway's own refusals are.
    func recognize(_ der: [UInt8], from address: String) async throws(FleetError)

    /// - Parameters:
    ///   - topics: what the request would be over MQTT. The principal's policies must let it
    ///     publish to each of them.
    ///   - clientID: what the device calls itself, for policies that ask; a device with things of
    ///     its own is called by the first of them.
    /// - Throws: `FleetError.accessDenied`, with the reason where it arose.
    func admit(
        _ certificate: CertificateID, asking topics: [String], as clientID: String,
        from address: String
    ) async throws(FleetError) -> Publisher
}

/// What enrolment over HTTPS says in bytes (RFC 7030 section 4).
package protocol EnrolmentEncoding: Sendable {
    /// The authorities that a client should trust, as a certs-only CMS in DER.
    func authorities() throws(FleetError) -> [UInt8]
    /// - Parameter pem: one certificate.
    /// - Returns: a certs-only CMS in DER (RFC 5652 5.1, RFC 8551 3.9).
    func certificate(_ pem: String) throws(FleetError) -> [UInt8]
    /// - Parameter der: a PKCS#10 request (RFC 2986).
    /// - Throws: `FleetError.invalidCSR`.
    func request(_ der: [UInt8]) throws(FleetError) -> PresentedRequest
    /// What a request should have (RFC 7030 4.5.2: CsrAttrs), in DER.
    func attributes() throws(FleetError) -> [UInt8]
    /// - Parameter pem: a private key as `KeyPair` has it.
    /// - Returns: the base64 of its PrivateKeyInfo (RFC 5208), in lines.
    func privateKey(_ pem: WipedBytes) throws(FleetError) -> Secret<WipedBytes>
}

/// A signing request that was found in order.
package struct PresentedRequest: Hashable, Sendable {
    package let pem: String
    /// Values by the names of policy variables: `CommonName`, `SerialNumber`, ….
    package let subject: [String: [String]]

    package init(pem: String, subject: [String: [String]]) {
        self.pem = pem
        self.subject = subject
    }
}
