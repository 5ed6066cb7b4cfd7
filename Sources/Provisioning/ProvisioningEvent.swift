package import Fleet

/// What a device can ask for (AWS: the operations of the device provisioning MQTT API).
package enum ProvisioningOperation: String, Sendable, CaseIterable {
    case createKeysAndCertificate = "CreateKeysAndCertificate"
    case createCertificateFromCSR = "CreateCertificateFromCsr"
    case registerThing = "RegisterThing"
    /// RFC 7030: simpleenroll and serverkeygen, which are two of the above.
    case enrol = "SimpleEnroll"
    /// Our own.
    case renewCertificate = "RenewCertificate"
}

/// What happened in the dialogue, for logs and metrics. No event carries a secret.
package enum ProvisioningEvent: Sendable {
    case certificateCreated(CertificateID, Provenance.Origin)
    case thingRegistered(Registration)
    case certificateRenewed(RenewedCertificate, Publisher)
    /// Its reply could not be sent; with the error where the store did not let it go.
    case certificateWithdrawn(CertificateID, Publisher, FleetError?)
    case refused(Refused)
    /// Lines that a hook wrote with `log`, and the correlation id of the request it judged.
    case hookLogged(HookName, [String], attempt: String?)
    /// What a hook was asked, what it said, and what that cost.
    case hookAnswered(HookTrace, attempt: String?)
    /// The audit queue was full, and this many refusals are in the log only.
    case refusalsNotAudited(Int)
    /// A serial number came with a certificate while another speaks for its thing.
    case serialSeenAgain(EnrolmentVerdict, Publisher)
    /// One certificate is on two live connections.
    case cloneSighted(CloneSighting, EnrolmentPolicy)
    /// The same, and the store did not take the evidence.
    case cloneNotRecorded(CloneSighting, FleetError)
    /// A request of the dialogue from its beginning to its answer, step by step.
    case attempted(AttemptRecord)
    /// The clock shows less than it did: nothing is issued until it has caught up.
    case clockWentBack(seconds: Int64)
    /// It has caught up.
    case clockCaughtUp

    package struct Registration: Sendable {
        package let thing: ThingName
        package let certificate: CertificateID
        package let template: TemplateName
        package let templateVersion: Int
        package let publisher: Publisher
        /// The same request came again and got the same answer; nothing was changed.
        package let isReplay: Bool
    }

    package struct Refused: Sendable {
        package let operation: ProvisioningOperation
        package let template: String?
        /// As the device is told.
        package let error: FleetError
        /// What the device is not told.
        package let cause: String?
        package let publisher: Publisher
        /// The correlation id, as the device is told it too.
        package let attempt: String?
    }
}
