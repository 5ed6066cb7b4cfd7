internal import Fleet
internal import JSON

// Certificates and where they came from, as JSON: for the audit log, and provenance for its own
// column as well.

extension Certificate {
    var json: JSONValue {
        RecordJSON.object(
            ("id", RecordJSON.id(self.id)), ("kind", .string(self.kind.rawValue)),
            ("serialNumber", .string(self.serialNumber)),
            ("issuerID", RecordJSON.id(self.issuerID)), ("issuer", .string(self.issuer)),
            ("subject", .string(self.subject)), ("publicKey", .string(self.publicKey.rawValue)),
            ("notBefore", RecordJSON.time(self.notBefore)),
            ("notAfter", RecordJSON.time(self.notAfter)), ("pem", .string(self.pem)),
            ("createdAt", RecordJSON.time(self.createdAt)),
            ("status", .string(self.status.rawValue)),
            ("statusChangedAt", RecordJSON.time(self.statusChangedAt)),
            ("statusReason", RecordJSON.text(self.statusReason)),
            ("provenance", self.provenance?.json),
            ("firstSeenAt", RecordJSON.time(self.firstSeenAt)),
            ("mode", .string(self.mode.rawValue)), ("version", .int(self.version)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a certificate")
        self.init(
            id: try fields.id("id"), kind: try fields.oneOf("kind"),
            serialNumber: try fields.text("serialNumber"),
            issuerID: try fields.optionalID("issuerID"), issuer: try fields.text("issuer"),
            subject: try fields.text("subject"), publicKey: try fields.fingerprint("publicKey"),
            notBefore: try fields.time("notBefore"), notAfter: try fields.time("notAfter"),
            pem: try fields.text("pem"), createdAt: try fields.time("createdAt"),
            status: try fields.oneOf("status"),
            statusChangedAt: try fields.time("statusChangedAt"),
            statusReason: try fields.optionalText("statusReason"),
            provenance: try fields.object["provenance"].map { try Provenance(json: $0) },
            firstSeenAt: try fields.optionalTime("firstSeenAt"),
            mode: try fields.optionalOneOf("mode") ?? .default,
            version: try fields.optionalInt("version") ?? 1)
    }
}

extension Provenance {
    var json: JSONValue {
        RecordJSON.object(
            ("origin", self.origin.json), ("registration", self.registration?.json),
            ("renewal", self.renewal?.json))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a provenance")
        self.init(
            origin: try Origin(json: fields.value("origin")),
            registration: try fields.object["registration"].map { try Registration(json: $0) },
            renewal: try fields.object["renewal"].map { try Renewal(json: $0) })
    }
}

extension Provenance.Origin {
    var json: JSONValue {
        RecordJSON.object(
            ("flow", .string(self.flow.rawValue)), ("claim", RecordJSON.id(self.claim)),
            ("clientID", RecordJSON.text(self.clientID)),
            ("sourceAddress", RecordJSON.text(self.sourceAddress)),
            ("requestedAt", RecordJSON.time(self.requestedAt)),
            ("station", RecordJSON.text(self.station)), ("lot", RecordJSON.text(self.lot)),
            ("profile", RecordJSON.text(self.profile)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a provenance's origin")
        self.init(
            flow: try fields.oneOf("flow"), claim: try fields.optionalID("claim"),
            clientID: try fields.optionalText("clientID"),
            sourceAddress: try fields.optionalText("sourceAddress"),
            requestedAt: try fields.time("requestedAt"),
            station: try fields.optionalText("station"), lot: try fields.optionalText("lot"),
            profile: try fields.optionalText("profile"))
    }
}

extension Provenance.Renewal {
    var json: JSONValue {
        RecordJSON.object(
            ("of", RecordJSON.id(self.of)), ("first", RecordJSON.id(self.first)),
            ("firstIssuedAt", RecordJSON.time(self.firstIssuedAt)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a provenance's renewal")
        self.init(
            of: try fields.id("of"), first: try fields.id("first"),
            firstIssuedAt: try fields.time("firstIssuedAt"))
    }
}

extension Provenance.Registration {
    var json: JSONValue {
        RecordJSON.object(
            ("template", RecordJSON.name(self.template)),
            ("templateVersion", RecordJSON.int(self.templateVersion)),
            ("templateDigest", .string(self.templateDigest)),
            ("hook", RecordJSON.name(self.hook)),
            ("hookDigest", RecordJSON.text(self.hookDigest)),
            ("allowlist", RecordJSON.name(self.allowlist)),
            ("allowlistVersion", RecordJSON.int(self.allowlistVersion)),
            ("clientID", .string(self.clientID)), ("sourceAddress", .string(self.sourceAddress)),
            ("station", RecordJSON.text(self.station)), ("lot", RecordJSON.text(self.lot)),
            ("parameters", RecordJSON.map(self.parameters)),
            ("registeredAt", RecordJSON.time(self.registeredAt)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a provenance's registration")
        self.init(
            template: try fields.optionalName("template"),
            templateVersion: try fields.optionalInt("templateVersion"),
            templateDigest: try fields.text("templateDigest"),
            hook: try fields.optionalName("hook"),
            hookDigest: try fields.optionalText("hookDigest"),
            allowlist: try fields.optionalName("allowlist"),
            allowlistVersion: try fields.optionalInt("allowlistVersion"),
            clientID: try fields.text("clientID"),
            sourceAddress: try fields.text("sourceAddress"),
            station: try fields.optionalText("station"), lot: try fields.optionalText("lot"),
            parameters: try fields.map("parameters"),
            registeredAt: try fields.time("registeredAt"))
    }
}
