/// Whose client certificates the gateway believes: those that the fleet's authorities signed, its
/// own and the ones that operators registered, and those that an operator registered by themselves.
/// The registry changes while the gateway runs, so that it is asked at every handshake.
package protocol ClientTrust: Sendable {
    /// The same as `verify`, where the registry's record is enough to say it: this service made the
    /// certificate itself, or has verified these bytes before.
    /// - Parameter issuer: the authority that `record` names.
    /// - Returns: false where the certificate has to be read; then nothing is known of it yet.
    /// - Throws: `FleetError.certificateValidation`, saying what is wrong.
    func verifyKnown(_ record: Certificate, issuer: Authority?) throws(FleetError) -> Bool

    /// That TLS may go on with a certificate: it may be a client's, its time has come and is not
    /// over, and whoever it names as its issuer signed it and is an authority of this fleet.
    /// - Parameters:
    ///   - pem: one certificate, as the client presented it.
    ///   - record: what the registry has of it; nil where it knows none.
    ///   - issuer: the authority that `record` names.
    /// - Throws: `FleetError.certificateValidation`, saying what is wrong.
    func verify(_ pem: String, record: Certificate?, issuer: Authority?) async throws(FleetError)

    /// Whether a certificate that the registry does not know would be registered at its CONNECT:
    /// an active authority with automatic registration signed it.
    /// - Throws: `FleetError` where the registry cannot be read.
    func awaits(_ pem: String) async throws(FleetError) -> Bool

    /// Registers a certificate at its first CONNECT (AWS: just-in-time registration), and the
    /// device by its authority's template where there is one (AWS: just-in-time provisioning).
    /// A certificate that still waits is announced, and tried, again.
    /// - Throws: `FleetError`, where nothing was registered.
    func register(
        _ pem: String, clientID: String, from address: String
    ) async throws(FleetError) -> FirstConnection
}

/// What became of a certificate's first CONNECT.
package struct FirstConnection: Sendable {
    /// AWS: `$aws/events/certificates/registered/{caCertificateId}`.
    package let topic: String
    /// JSON.
    package let payload: [UInt8]
    /// Why the authority's template made no device; the certificate then waits as it is.
    package let refusal: FleetError?

    package init(topic: String, payload: [UInt8], refusal: FleetError?) {
        self.topic = topic
        self.payload = payload
        self.refusal = refusal
    }
}
