package import JSON

/// What becomes of a device whose serial number, key or certificate is seen where it should not
/// be. None of them revokes: that is a person's to decide.
package enum EnrolmentPolicy: String, Sendable, CaseIterable {
    /// Both count.
    case allow
    /// The new one counts, and the one before it no more.
    case replace
    /// The new one is refused.
    case refuse
    /// Nothing goes on until a person has decided.
    case hold
}

/// That a serial number, a key or a certificate was seen again, and what was done about it. It
/// outlives the certificate's own record, for whoever asks later.
package struct EnrolmentFinding: Hashable, Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        /// The same key again under the same serial number.
        case retry
        /// Another key for a serial number, at the same station and soon.
        case rework
        /// Another key for a serial number anywhere else, or later.
        case elsewhere
        /// The same key under another serial number.
        case copiedImage
        /// One certificate on two live connections.
        case clone
    }

    package let kind: Kind
    /// The certificate that was asked for, or that two connections have.
    package let certificate: CertificateID
    package let policy: EnrolmentPolicy
    package let thing: ThingName?
    package let at: UnixTime
    /// Who held it before, the addresses, the stations: whatever tells two units from one. Never
    /// a secret.
    package let evidence: JSONObject

    package init(
        kind: Kind, certificate: CertificateID, policy: EnrolmentPolicy, thing: ThingName?,
        at: UnixTime, evidence: JSONObject
    ) {
        self.kind = kind
        self.certificate = certificate
        self.policy = policy
        self.thing = thing
        self.at = at
        self.evidence = evidence
    }
}
