import Fleet
import MQTT
import Policies

/// What one connection may do: its principal's policies, those of the thing it speaks for, and the
/// values its policy variables have.
struct ConnectionAuthority: Sendable {
    /// What a policy said, with the words for the log.
    struct Verdict: Sendable {
        let isAllowed: Bool
        let request: AuthorizationRequest
        fileprivate let basis: Basis

        /// Put into words where somebody reads them: most verdicts are asked for nothing but
        /// whether.
        var decidedBy: String {
            switch self.basis {
            case .statement(let statement): "\(statement)"
            case .words(let words): words
            }
        }

        fileprivate enum Basis {
            case statement(StatementID)
            case words(String)
        }
    }

    let record: PrincipalRecord
    let thing: AttachedThing?
    private let policies: [CompiledPolicy]
    private let realm: Realm
    private var variables: PolicyVariables

    init(
        record: PrincipalRecord, clientID: String, sourceAddress: String, serverName: String?,
        realm: Realm
    ) {
        let thing = Self.associatedThing(of: record, clientID: clientID)
        self.record = record
        self.thing = thing
        self.policies = record.policies + (thing?.groupPolicies ?? [])
        self.realm = realm
        self.variables = PolicyVariables(
            clientID: clientID, sourceIP: sourceAddress, domainName: serverName,
            thing: thing.map {
                PolicyVariables.AssociatedThing(
                    name: $0.thing.name, typeName: $0.thing.typeName,
                    attributes: $0.thing.attributes)
            }, certificateSerialNumber: record.certificate.serialNumber,
            certificateFields: self.policies.contains(where: \.readsCertificateFields)
                ? CertificateFields.of(record.certificate) : [:])
    }

    private static func associatedThing(
        of record: PrincipalRecord, clientID: String
    ) -> AttachedThing? {
        ThingPrincipal.associated(among: record.things, clientID: clientID) {
            ($0.thing.name, $0.exclusivity)
        }
    }

    /// The policies that could not be read, each of which makes every answer no.
    var defects: [String] {
        self.policies.compactMap { policy in
            policy.defect.map { "policy \(policy.name) version \(policy.version): \($0.message)" }
        }
    }

    func connect(_ connect: Connect, clientID: String, at now: UnixTime) -> Verdict {
        var variables = self.variables
        if connect.isPersistent { variables.connectAttributes.insert(.persistentConnect) }
        if let will = connect.will {
            variables.connectAttributes.insert(.lastWill)
            variables.lastWillTopic = self.realm.topic(will.topic.text)
        }
        return self.decide(
            .connect(clientID: clientID, in: self.realm), variables: variables, at: now)
    }

    /// - Parameter retain: whether the message asks to be kept, for which the right to publish is
    ///   not enough: `iot:RetainPublish` is asked beside it (provisioning specification, 5.2).
    func publish(_ topic: TopicName, retain: Bool = false, at now: UnixTime) -> Verdict {
        let verdict = self.decide(
            .publish(topic: topic.text, in: self.realm), variables: self.variables, at: now)
        guard retain, verdict.isAllowed else { return verdict }
        return self.decide(
            .retainPublish(topic: topic.text, in: self.realm), variables: self.variables, at: now)
    }

    func subscribe(_ filter: TopicFilter, at now: UnixTime) -> Verdict {
        self.decide(
            .subscribe(filter: filter.text, in: self.realm), variables: self.variables, at: now)
    }

    func receive(_ topic: TopicName, at now: UnixTime) -> Verdict {
        self.decide(
            .receive(topic: topic.text, in: self.realm), variables: self.variables, at: now)
    }

    private func decide(
        _ request: AuthorizationRequest, variables: PolicyVariables, at now: UnixTime
    ) -> Verdict {
        var variables = variables
        variables.now = now
        let decision = PolicyEvaluator.decide(
            policies: self.policies, request: request, context: variables)
        switch decision {
        case .allowed(let statement):
            return Verdict(isAllowed: true, request: request, basis: .statement(statement))
        case .explicitlyDenied(let statement):
            return Verdict(
                isAllowed: false, request: request,
                basis: self.defects.first.map { .words("unreadable \($0)") }
                    ?? .statement(statement))
        case .implicitlyDenied:
            let reason =
                self.policies.isEmpty
                ? "no policy is attached" : "no statement allows it"
            return Verdict(isAllowed: false, request: request, basis: .words(reason))
        }
    }
}

extension Connect {
    /// Whether the client asks for a session that outlives its connection.
    var isPersistent: Bool {
        switch self.version {
        case .v311: !self.cleanStart
        case .v5: (self.properties.sessionExpiryInterval ?? 0) > 0
        }
    }
}
