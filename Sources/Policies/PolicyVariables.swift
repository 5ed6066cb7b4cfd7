package import Fleet

/// What is known of a connection when a policy is asked: the values of its variables.
package struct PolicyVariables: Hashable, Sendable {
    /// The registry thing that a connection speaks for.
    package struct AssociatedThing: Hashable, Sendable {
        package let name: ThingName
        package let typeName: ThingTypeName?
        package let attributes: [String: String]

        package init(
            name: ThingName, typeName: ThingTypeName? = nil, attributes: [String: String] = [:]
        ) {
            self.name = name
            self.typeName = typeName
            self.attributes = attributes
        }
    }

    /// AWS: `iot:ConnectAttributes`.
    package enum ConnectAttribute: String, Hashable, Sendable, CaseIterable {
        case persistentConnect = "PersistentConnect"
        case lastWill = "LastWill"
    }

    /// The MQTT client id: the device's own choice.
    package var clientID: String?
    package var sourceIP: String?
    /// The server name the device asked for (SNI).
    package var domainName: String?
    /// At CONNECT only.
    package var connectAttributes: Set<ConnectAttribute>
    /// At CONNECT only: the will topic's ARN.
    package var lastWillTopic: ARN?
    /// nil where no thing is associated; `iot:Connection.Thing.IsAttached` is then `false`.
    package var thing: AssociatedThing?
    /// Lower-case hex.
    package var certificateSerialNumber: String?
    /// As the certificate has them, in its order.
    package var certificateFields: [CertificateField: [String]]
    package var now: UnixTime?
    /// Values of keys that only some callers know, such as the control plane's `aws:username`, by
    /// name in lower case. A key that is listed without values is absent, as IAM means it; one
    /// that is not listed means nothing here, and tips every decision towards refusing.
    package var furtherKeys: [String: [String]]

    package init(
        clientID: String? = nil, sourceIP: String? = nil, domainName: String? = nil,
        connectAttributes: Set<ConnectAttribute> = [], lastWillTopic: ARN? = nil,
        thing: AssociatedThing? = nil, certificateSerialNumber: String? = nil,
        certificateFields: [CertificateField: [String]] = [:], now: UnixTime? = nil,
        furtherKeys: [String: [String]] = [:]
    ) {
        self.clientID = clientID
        self.sourceIP = sourceIP
        self.domainName = domainName
        self.connectAttributes = connectAttributes
        self.lastWillTopic = lastWillTopic
        self.thing = thing
        self.certificateSerialNumber = certificateSerialNumber
        self.certificateFields = certificateFields
        self.now = now
        self.furtherKeys = furtherKeys
    }

    // MARK: Values

    /// Every value of a condition key; none where it is absent. An empty text counts as a value.
    func values(of variable: PolicyVariable) -> [String] {
        switch variable {
        case .connectAttributes: return self.connectAttributes.map(\.rawValue).sorted()
        case .certificateField(let field, .list):
            return (self.certificateFields[field] ?? []).prefix(CertificateField.valuesMax)
                .map(Self.escaped)
        case .certificateAvailableKeys: return self.availableKeys
        case .other(let name): return self.furtherKeys[name] ?? []
        case .clientID, .sourceIP, .domainName, .lastWillTopic, .thingName, .thingTypeName,
            .thingAttribute, .isAttached, .certificateSerialNumber, .certificateField,
            .currentTime, .epochTime:
            return self.value(of: variable).map { [$0] } ?? []
        }
    }

    /// The value of a variable that has one at most; nil for the others.
    private func value(of variable: PolicyVariable) -> String? {
        switch variable {
        case .clientID: self.clientID
        case .sourceIP: self.sourceIP
        case .domainName: self.domainName
        case .lastWillTopic: self.lastWillTopic?.rawValue
        case .thingName: self.thing?.name.rawValue
        case .thingTypeName: self.thing?.typeName?.rawValue
        case .thingAttribute(let name): self.thing?.attributes[name]
        case .isAttached: self.thing == nil ? "false" : "true"
        case .certificateSerialNumber: self.certificateSerialNumber
        case .certificateField(let field, .value(let index)):
            self.certificateValue(field, index).map(Self.escaped)
        case .currentTime: self.now?.description
        case .epochTime: self.now.map { String($0.seconds) }
        case .other(let name): self.furtherKeys[name].flatMap { $0.count == 1 ? $0[0] : nil }
        case .connectAttributes, .certificateField(_, .list), .certificateAvailableKeys: nil
        }
    }

    private func certificateValue(_ field: CertificateField, _ index: Int) -> String? {
        guard let values = self.certificateFields[field], index < CertificateField.valuesMax,
            values.indices.contains(index)
        else { return nil }
        return values[index]
    }

    private var availableKeys: [String] {
        let fields = CertificateField.all.filter { !(self.certificateFields[$0] ?? []).isEmpty }
        let names = fields.map { "iot:Certificate.\($0.name)" }
        return self.certificateSerialNumber == nil
            ? names : names + ["iot:Certificate.SerialNumber"]
    }

    /// AWS: special characters of a certificate's values appear with a backslash before them.
    private static func escaped(_ value: String) -> String {
        var output = ""
        for scalar in value.unicodeScalars {
            if ",\"\\+=<>;".unicodeScalars.contains(scalar) { output.append("\\") }
            output.unicodeScalars.append(scalar)
        }
        return output
    }

    // MARK: Substitution

    /// AWS: a longer certificate value is not substituted.
    static let certificateValueCharactersMax = 1024

    /// What `${variable}` stands for inside a pattern; nil where it has no usable value.
    ///
    /// A value becomes plain bytes, so it can never act as a wildcard of the policy. It must not
    /// act as one of MQTT either: a client id of `+` in `topicfilter/dev/${iot:ClientId}/#` would
    /// open every device's topics, `$aws` at the front those of the service, and `a/b` another
    /// device's subtree. Hence in topics:
    /// - no value holds `+`, `#` or `$`;
    /// - what the device may choose (client id, names in its certificate) holds no `/`. Attributes
    ///   may: the registry admits it, and it is the operator who put it there.
    ///
    /// Nowhere is a value empty or with a control character, and certificate values follow AWS:
    /// at most 1024 characters, none of `*` `$` `+` `?` `#`.
    func substitution(for variable: PolicyVariable, in place: SubstitutionPlace) -> String? {
        guard let value = self.value(of: variable), !value.isEmpty,
            value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else { return nil }
        let chosenByDevice: Bool
        switch variable {
        case .clientID, .domainName: chosenByDevice = true
        case .certificateField(let field, .value(let index)):
            chosenByDevice = true
            guard let raw = self.certificateValue(field, index),
                raw.unicodeScalars.count <= Self.certificateValueCharactersMax,
                !raw.utf8.contains(where: { "*$+?#".utf8.contains($0) })
            else { return nil }
        case .certificateField, .certificateAvailableKeys, .certificateSerialNumber, .sourceIP,
            .connectAttributes, .lastWillTopic, .thingName, .thingTypeName, .thingAttribute,
            .isAttached, .currentTime, .epochTime, .other:
            chosenByDevice = false
        }
        switch place {
        case .text: return value
        case .topic:
            let foreign = value.utf8.contains { byte in
                "+#$".utf8.contains(byte) || (chosenByDevice && byte == UInt8(ascii: "/"))
            }
            return foreign ? nil : value
        }
    }
}
