package import Fleet
import JSON
import MQTT
package import Policies

/// What the gateway refuses a device whatever its policies say, by the very rules that the gateway
/// goes by: no name that is none, none that is too long or too deep, no reserved topic where no
/// service answers, and nothing at all for a certificate that is not ACTIVE.
package struct GatewayRules: GatewayRefusals {
    /// No setting changes what these say of names.
    private static let settings = ConnectionSettings()
    private static let reserved = ReservedTopics(services: [ProvisioningTopicNames()])

    let realm: Realm
    /// As the registration leaves it.
    let status: Certificate.Status

    package init(realm: Realm, status: Certificate.Status) {
        self.realm = realm
        self.status = status
    }

    package var refusal: String? {
        self.status == .active
            ? nil
            : "the gateway refuses every connection of a certificate with the status "
                + self.status.rawValue
    }

    /// AWS: a reserved topic takes no will.
    package func refusal(ofWill topic: ARN) -> String? {
        let request = AuthorizationRequest(.publish, topic)
        guard let name = self.name(in: request, self.realm.topic("")) else { return nil }
        return name.utf8.first == UInt8(ascii: "$")
            ? "a reserved topic takes no last will" : Self.topicFault(name)
    }

    package func refusal(of request: AuthorizationRequest) -> String? {
        if let refusal = self.refusal { return refusal }
        switch request.action {
        case .connect: return self.name(in: request, self.realm.client("")).flatMap(Self.connect)
        case .publish: return self.name(in: request, self.realm.topic("")).flatMap(Self.publish)
        case .retainPublish:
            return "no message is retained here: over MQTT 5 the publish is refused, over MQTT "
                + "3.1.1 it is delivered where policies allow it, and not kept"
        case .subscribe:
            return self.name(in: request, self.realm.topicFilter("")).flatMap(Self.subscribe)
        case .receive: return self.name(in: request, self.realm.topic("")).flatMap(Self.receive)
        case nil, .deleteConnection, .getConnection, .listSubscriptions, .sendDirectMessage,
            .getRetainedMessage, .listRetainedMessages, .getThingShadow, .updateThingShadow,
            .deleteThingShadow, .listNamedShadowsForThing, .assumeRoleWithCertificate,
            .describeJobExecution, .getPendingJobExecutions, .updateJobExecution,
            .startNextPendingJobExecution:
            return nil
        }
    }

    /// A registration's payload holds its parameters, and something more.
    /// - Throws: `FleetError.invalidParameters` for what no message can hold. A device hears
    ///   nothing at all: its connection ends.
    static func checkSize(of parameters: [String: String]) throws(FleetError) {
        let json = JSONObject(parameters.map { ($0.key, JSONValue.string($0.value)) })
        let bytes = JSONPrinter.print(.object(json)).utf8.count
        guard bytes > Self.settings.payloadBytesMax else { return }
        throw FleetError(
            .invalidParameters,
            "parameters: \(bytes) bytes; an MQTT message has at most "
                + "\(Self.settings.payloadBytesMax), and the gateway ends a connection that "
                + "sends more"
        ).because(.parametersTooLarge, parameter: "parameters")
    }

    /// The client that a question is about; nil where it is about none.
    func client(in request: AuthorizationRequest) -> String? {
        request.action == .connect ? self.name(in: request, self.realm.client("")) : nil
    }

    /// What a device would send; nil for a resource that no device can name.
    private func name(in request: AuthorizationRequest, _ prefix: ARN) -> String? {
        let resource = request.resource.rawValue.utf8
        guard resource.starts(with: prefix.rawValue.utf8) else { return nil }
        return String(Substring(resource.dropFirst(prefix.rawValue.utf8.count)))
    }

    private static func connect(_ clientID: String) -> String? {
        Self.settings.clientIDFault(clientID)
    }

    private static func publish(_ text: String) -> String? {
        Self.topicFault(text) ?? Self.reserved.publishFault(text)
    }

    private static func receive(_ text: String) -> String? {
        Self.topicFault(text) ?? Self.reserved.receiveFault(text)
    }

    private static func topicFault(_ text: String) -> String? {
        do throws(MQTTError) { return Self.settings.publishFault(try TopicName(text)) } catch {
            return error.message
        }
    }

    private static func subscribe(_ text: String) -> String? {
        Self.settings.judge(NamedFilter(text)).refusal?.message
            ?? Self.reserved.subscribeFault(text)
    }
}
