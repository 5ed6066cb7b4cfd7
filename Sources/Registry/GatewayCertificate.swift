package import Fleet
import JSON

/// The gateway's own certificate in the registry. Nothing is decided upon it there; but what an
/// authority has issued and nobody knows of, OCSP calls unknown and nobody can revoke.
package enum GatewayCertificate {
    /// Why it is made anew.
    package enum Occasion: String, Hashable, Sendable {
        /// Two thirds of its life are over.
        case ending
        /// Another authority issues for servers now.
        case issuerFollowed
        /// Somebody revoked it, or took it back.
        case revoked
        /// The settings ask for a name that it has not.
        case namesAdded
    }

    /// What speaks for a new one; nil where nothing does.
    /// - Parameters:
    ///   - certificate: the one that is shown now.
    ///   - status: as the registry has it; nil where it has none.
    ///   - isOfCurrentIssuer: whether who issues for servers now has signed it.
    ///   - hasItsNames: whether it has every name that the settings ask for.
    package static func occasion(
        _ certificate: IssuedCertificate, status: Certificate.Status?, isOfCurrentIssuer: Bool,
        hasItsNames: Bool, at now: UnixTime
    ) -> Occasion? {
        if let status, status != .active { return .revoked }
        guard isOfCurrentIssuer else { return .issuerFollowed }
        guard hasItsNames else { return .namesAdded }
        let life = certificate.notAfter.seconds - certificate.notBefore.seconds
        let left = certificate.notAfter.seconds - now.seconds
        return left <= life / 3 ? .ending : nil
    }

    /// Enters what the gateway shows; known already, it changes nothing.
    /// - Parameters:
    ///   - predecessor: the one that it takes over from, which ends with it unless it was revoked.
    ///   - view: holds both.
    package static func enter(
        _ issued: IssuedCertificate, after predecessor: CertificateID? = nil,
        because occasion: Occasion? = nil, in view: RegistryView, at now: UnixTime
    ) -> ChangeSet {
        var detail: JSONObject = ["certificateId": .string(issued.id.rawValue)]
        if let occasion { detail["because"] = .string(occasion.rawValue) }
        var set = ChangeSet(
            action: predecessor == nil ? "RegisterGatewayCertificate" : "RenewGatewayCertificate",
            preconditions: [view.asSeen(.certificate(issued.id))], detail: detail)
        guard view.certificate(issued.id) == nil else { return set }
        set.changes = [
            .putCertificate(
                Certificate(
                    issued: issued, kind: .gateway, status: .active,
                    reason: occasion.map { "made anew: \($0.rawValue)" }, at: now,
                    provenance: Provenance(
                        origin: Provenance.Origin(
                            flow: .operatorMade, claim: nil, clientID: nil, sourceAddress: nil,
                            requestedAt: now, profile: issued.profile))))
        ]
        guard let predecessor, let before = view.certificate(predecessor) else { return set }
        set.preconditions.append(view.asSeen(.certificate(predecessor)))
        if before.status == .active {
            set.changes.append(
                .setCertificateStatus(
                    predecessor, .inactive, reason: "renewed as \(issued.id)", at: now))
        }
        return set
    }
}
