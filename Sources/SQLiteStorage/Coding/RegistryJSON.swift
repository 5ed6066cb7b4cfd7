internal import Fleet
internal import JSON

// Policies, attachments, authorities and the registry's settings as JSON, for the audit log.
// Members are named as the records name them.

extension ThingPrincipal {
    var json: JSONValue {
        RecordJSON.object(
            ("thing", RecordJSON.name(self.thing)),
            ("certificate", RecordJSON.id(self.certificate)),
            ("exclusivity", .string(self.exclusivity.rawValue)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a thing's principal")
        self.init(
            thing: try fields.name("thing"), certificate: try fields.id("certificate"),
            exclusivity: try fields.oneOf("exclusivity"))
    }
}

extension Policy {
    var json: JSONValue {
        RecordJSON.object(
            ("name", RecordJSON.name(self.name)),
            ("versions", .array(self.versions.map(\.json))),
            ("defaultVersionID", .int(self.defaultVersionID)),
            ("latestVersionID", .int(self.latestVersionID)),
            ("createdAt", RecordJSON.time(self.createdAt)),
            ("lastModifiedAt", RecordJSON.time(self.lastModifiedAt)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a policy")
        self.init(
            name: try fields.name("name"),
            versions: try fields.array("versions").map { try Version(json: $0) },
            defaultVersionID: try fields.int("defaultVersionID"),
            latestVersionID: try fields.optionalInt("latestVersionID"),
            createdAt: try fields.time("createdAt"),
            lastModifiedAt: try fields.optionalTime("lastModifiedAt"))
    }
}

extension Policy.Version {
    var json: JSONValue {
        RecordJSON.object(
            ("id", .int(self.id)), ("document", .string(self.document)),
            ("createdAt", RecordJSON.time(self.createdAt)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a policy version")
        self.init(
            id: try fields.int("id"), document: try fields.text("document"),
            createdAt: try fields.time("createdAt"))
    }
}

extension PolicyTarget {
    var json: JSONValue {
        switch self {
        case .certificate(let id): RecordJSON.object(("certificate", RecordJSON.id(id)))
        case .thingGroup(let name): RecordJSON.object(("thingGroup", RecordJSON.name(name)))
        }
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a policy's target")
        if let id = try fields.optionalID("certificate") {
            self = .certificate(id)
        } else {
            self = .thingGroup(try fields.name("thingGroup"))
        }
    }
}

extension Authority {
    var json: JSONValue {
        RecordJSON.object(
            ("id", RecordJSON.id(self.id)), ("role", .string(self.role.rawValue)),
            ("subject", .string(self.subject)), ("publicKey", .string(self.publicKey.rawValue)),
            ("pem", .string(self.pem)), ("notBefore", RecordJSON.time(self.notBefore)),
            ("notAfter", RecordJSON.time(self.notAfter)),
            ("status", .string(self.status.rawValue)),
            ("createdAt", RecordJSON.time(self.createdAt)),
            ("mode", .string(self.registration.mode.rawValue)),
            ("autoRegistration", .bool(self.registration.isAutomatic)),
            ("registrationConfig", self.registration.config?.json),
            ("lastModifiedAt", RecordJSON.time(self.lastModifiedAt)),
            ("version", .int(self.version)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "an authority")
        self.init(
            id: try fields.id("id"), role: try fields.oneOf("role"),
            subject: try fields.text("subject"), publicKey: try fields.fingerprint("publicKey"),
            pem: try fields.text("pem"), notBefore: try fields.time("notBefore"),
            notAfter: try fields.time("notAfter"), status: try fields.oneOf("status"),
            createdAt: try fields.time("createdAt"),
            registration: Authority.Registration(
                mode: try fields.optionalOneOf("mode") ?? .default,
                isAutomatic: fields.object["autoRegistration"]?.boolValue ?? false,
                config: try fields.object["registrationConfig"].map {
                    try Authority.RegistrationConfig(json: $0)
                }),
            lastModifiedAt: try fields.optionalTime("lastModifiedAt")
                ?? fields.time("createdAt"),
            version: try fields.optionalInt("version") ?? 1)
    }
}

extension Authority.RegistrationConfig {
    var json: JSONValue {
        RecordJSON.object(
            ("templateBody", RecordJSON.text(self.templateBody)),
            ("templateName", RecordJSON.name(self.templateName)),
            ("roleARN", RecordJSON.text(self.roleARN)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "an authority's registration configuration")
        self.init(
            templateBody: try fields.optionalText("templateBody"),
            templateName: try fields.optionalName("templateName"),
            roleARN: try fields.optionalText("roleARN"))
    }
}

extension TaggedResource {
    init(json: JSONValue) throws {
        guard let path = json.stringValue, let resource = try? TaggedResource(path: path) else {
            throw DamagedRow("the JSON of a tagged resource names none")
        }
        self = resource
    }
}

extension EventConfigurations {
    var json: JSONValue {
        RecordJSON.object(
            ("enabled", RecordJSON.eventTypes(self.enabled)),
            ("createdAt", RecordJSON.time(self.createdAt)),
            ("lastModifiedAt", RecordJSON.time(self.lastModifiedAt)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "the event configurations")
        self.init(
            enabled: try RecordJSON.eventTypes(fields.value("enabled")),
            createdAt: try fields.time("createdAt"),
            lastModifiedAt: try fields.time("lastModifiedAt"))
    }
}

extension RecordJSON {
    static func eventTypes(_ types: Set<EventConfigurations.EventType>) -> JSONValue {
        self.texts(types.map(\.rawValue).sorted())
    }

    static func eventTypes(_ value: JSONValue) throws -> Set<EventConfigurations.EventType> {
        let types = try self.texts(value, "the event configurations").map { text in
            guard let type = EventConfigurations.EventType(rawValue: text) else {
                throw DamagedRow("the event configurations name a type that is none")
            }
            return type
        }
        return Set(types)
    }
}

extension RegistrationCode {
    var json: JSONValue {
        RecordJSON.object(
            ("text", .string(self.text)), ("createdAt", RecordJSON.time(self.createdAt)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a registration code")
        self.init(text: try fields.text("text"), createdAt: try fields.time("createdAt"))
    }
}
