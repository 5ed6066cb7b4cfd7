/// Reads certificates that other authorities made: what they say, and whether they were signed by
/// whom they name. It knows nothing of the fleet; whether to believe a certificate, and what it may
/// do here, is decided by those who ask.
package protocol CertificateInspector: Sendable {
    /// - Parameter pem: exactly one certificate (RFC 7468).
    /// - Throws: `FleetError.certificateValidation` where the text is no certificate, or its key is
    ///   one that nobody should trust (short, of a broken generator, on an unknown curve).
    func inspect(_ pem: String) throws(FleetError) -> InspectedCertificate

    /// That the authority of `authorityPEM` signed the certificate of `pem`: the names match, the
    /// authority may sign, its key verifies the signature. Validity in time is the caller's to
    /// judge, and so is what anybody thinks of the authority.
    /// - Throws: `FleetError.certificateValidation`, saying which of these fails.
    func verify(_ pem: String, issuedBy authorityPEM: String) throws(FleetError)
}

/// What a certificate of somebody else's says of itself.
package struct InspectedCertificate: Hashable, Sendable {
    package let id: CertificateID
    /// As this service writes PEM: lines of 64, LF, a newline at the end.
    package let pem: String
    /// 1, 2 or 3 (RFC 5280 4.1.2.1).
    package let version: Int
    /// Lower-case hex, without a sign byte.
    package let serialNumber: String
    /// RFC 4514.
    package let issuer: String
    package let subject: String
    /// Values by the names of policy variables: `CommonName`, `Organization`, ….
    package let subjectAttributes: [String: [String]]
    package let publicKey: PublicKeyFingerprint
    package let notBefore: UnixTime
    package let notAfter: UnixTime
    /// Lower-case hex; nil where the extension is absent.
    package let subjectKeyID: String?
    package let authorityKeyID: String?
    /// Basic constraints say so, and key usage does not forbid signing certificates.
    package let isAuthority: Bool
    /// Why no client may identify itself by it, as its extensions have it; nil where it may.
    package let clientRefusal: String?

    package init(
        id: CertificateID, pem: String, version: Int, serialNumber: String, issuer: String,
        subject: String, subjectAttributes: [String: [String]], publicKey: PublicKeyFingerprint,
        notBefore: UnixTime, notAfter: UnixTime, subjectKeyID: String?, authorityKeyID: String?,
        isAuthority: Bool, clientRefusal: String? = nil
    ) {
        self.id = id
        self.pem = pem
        self.version = version
        self.serialNumber = serialNumber
        self.issuer = issuer
        self.subject = subject
        self.subjectAttributes = subjectAttributes
        self.publicKey = publicKey
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.subjectKeyID = subjectKeyID
        self.authorityKeyID = authorityKeyID
        self.isAuthority = isAuthority
        self.clientRefusal = clientRefusal
    }

    /// The common name, where there is exactly one.
    package var commonName: String? {
        guard let names = self.subjectAttributes["CommonName"], names.count == 1 else { return nil }
        return names.first
    }

    /// That a device may speak with this certificate. One whose time has not come yet is let pass:
    /// factories' clocks differ from ours, and the gateway judges each connection.
    /// One without extensions, as tools make them who are told of none, is no authority's: only an
    /// extension could say that it is.
    /// - Throws: `FleetError.certificateValidation` for an authority's certificate and an expired
    ///   one.
    package func requireDevice(at now: UnixTime) throws(FleetError) {
        try self.clientTerms.requireDevice(at: now)
    }

    /// What it says for and against a client that shows it.
    package var clientTerms: ClientTerms {
        ClientTerms(
            id: self.id, subject: self.subject, notBefore: self.notBefore,
            notAfter: self.notAfter, isAuthority: self.isAuthority,
            clientRefusal: self.clientRefusal)
    }

    /// That this certificate can be an authority here.
    /// - Throws: `FleetError.certificateValidation`, saying what it lacks.
    package func requireAuthority(at now: UnixTime) throws(FleetError) {
        try self.requireVersion3()
        guard self.isAuthority else {
            throw self.refusal(
                "it is no certificate authority's: basicConstraints must say CA:TRUE, and "
                    + "keyUsage, where present, keyCertSign")
        }
        try self.requireUnexpired(at: now)
    }

    private func requireVersion3() throws(FleetError) {
        guard self.version == 3 else {
            throw self.refusal("it is of version \(self.version); only version 3 has extensions")
        }
    }

    /// - Throws: `FleetError.certificateValidation`.
    package func requireUnexpired(at now: UnixTime) throws(FleetError) {
        try self.clientTerms.requireUnexpired(at: now)
    }

    private func refusal(_ reason: String) -> FleetError { self.clientTerms.refusal(reason) }
}

/// What decides whether a client may identify itself by a certificate, its signature apart. It
/// never changes for the same bytes.
package struct ClientTerms: Hashable, Sendable {
    let id: CertificateID
    let subject: String
    let notBefore: UnixTime
    let notAfter: UnixTime
    let isAuthority: Bool
    let clientRefusal: String?

    init(
        id: CertificateID, subject: String, notBefore: UnixTime, notAfter: UnixTime,
        isAuthority: Bool, clientRefusal: String?
    ) {
        self.id = id
        self.subject = subject
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.isAuthority = isAuthority
        self.clientRefusal = clientRefusal
    }

    /// Of a certificate that this service made for a client by one of its profiles, where `issuer`
    /// is the authority of its own that signed it: the profile says that it is a client's and no
    /// authority's, and it was linted before it was signed. nil for all others, whose bytes have
    /// to be read.
    package init?(madeHere certificate: Certificate, by issuer: Authority) {
        guard certificate.provenance?.origin.profile != nil, certificate.kind != .gateway,
            certificate.issuerID == issuer.id, issuer.role == .issuing
        else { return nil }
        self.init(
            id: certificate.id, subject: certificate.subject, notBefore: certificate.notBefore,
            notAfter: certificate.notAfter, isAuthority: false, clientRefusal: nil)
    }

    /// That a client may identify itself by the certificate now (RFC 5280 6.1, for its end).
    /// - Parameters:
    ///   - alone: an operator vouched for its very bytes, and nothing is derived from it: then it
    ///     may be an authority's, as a self-signed one often is.
    ///   - graceSeconds: how long ago it may have ended.
    /// - Throws: `FleetError.certificateValidation`, saying what speaks against it.
    package func requireClient(
        at now: UnixTime, alone: Bool = false, graceSeconds: Int64 = 0
    ) throws(FleetError) {
        let end = now.advanced(bySeconds: -graceSeconds)
        if alone { try self.requireUnexpired(at: end) } else { try self.requireDevice(at: end) }
        guard now >= self.notBefore else {
            throw self.refusal("it is not valid before \(self.notBefore)")
        }
        if let clientRefusal { throw self.refusal(clientRefusal) }
    }

    func requireDevice(at now: UnixTime) throws(FleetError) {
        guard !self.isAuthority else {
            throw self.refusal("it is a certificate authority's, and no device's")
        }
        try self.requireUnexpired(at: now)
    }

    func requireUnexpired(at now: UnixTime) throws(FleetError) {
        guard now < self.notAfter else { throw self.refusal("it expired at \(self.notAfter)") }
    }

    func refusal(_ reason: String) -> FleetError {
        FleetError(
            .certificateValidation, "certificate '\(self.subject.clipped)': \(reason)",
            resource: self.id.rawValue)
    }
}
