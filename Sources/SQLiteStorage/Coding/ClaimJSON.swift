internal import Fleet
internal import JSON

// Claims' terms and spending as JSON: a column of the store, and the audit log.

extension ClaimTerms {
    var json: JSONValue {
        RecordJSON.object(
            ("name", RecordJSON.name(self.name)), ("status", .string(self.status.rawValue)),
            ("statusReason", RecordJSON.text(self.statusReason)),
            ("statusChangedAt", RecordJSON.time(self.statusChangedAt)),
            ("templates", self.templates.map { RecordJSON.texts($0.map(\.rawValue)) }),
            ("budget", RecordJSON.int(self.budget)),
            ("registrationsPerUnit", .int(self.registrationsPerUnit)),
            ("pendingMax", .int(self.pendingMax)), ("perMinute", RecordJSON.int(self.perMinute)),
            ("notBefore", RecordJSON.time(self.notBefore)),
            ("notAfter", RecordJSON.time(self.notAfter)),
            ("networks", RecordJSON.texts(self.networks)),
            ("serials", RecordJSON.text(self.serials?.description)),
            ("shifts", RecordJSON.texts(self.shifts.map(\.description))),
            ("station", RecordJSON.text(self.station)), ("lot", RecordJSON.text(self.lot)),
            ("createdAt", RecordJSON.time(self.createdAt)),
            ("createdBy", RecordJSON.text(self.createdBy)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a claim's terms")
        self.init(
            name: try fields.name("name"), createdAt: try fields.time("createdAt"),
            createdBy: try fields.optionalText("createdBy"), status: try fields.oneOf("status"),
            statusReason: try fields.optionalText("statusReason"),
            statusChangedAt: try fields.time("statusChangedAt"),
            templates: try fields.optionalTexts("templates").map { names in
                names.map { TemplateName(checked: $0) }
            },
            budget: try fields.optionalInt("budget"),
            registrationsPerUnit: try fields.int("registrationsPerUnit"),
            pendingMax: try fields.int("pendingMax"),
            perMinute: try fields.optionalInt("perMinute"),
            notBefore: try fields.optionalTime("notBefore"),
            notAfter: try fields.optionalTime("notAfter"),
            networks: try fields.optionalTexts("networks") ?? [],
            serials: try fields.optionalText("serials").map { try SerialRange($0) },
            shifts: try (fields.optionalTexts("shifts") ?? []).map { try Shift($0) },
            station: try fields.optionalText("station"), lot: try fields.optionalText("lot"))
    }
}

extension ClaimSpend {
    var json: JSONValue {
        RecordJSON.object(
            ("claim", RecordJSON.name(self.claim)), ("thing", RecordJSON.name(self.thing)),
            ("station", RecordJSON.text(self.station)), ("at", RecordJSON.time(self.at)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a claim's spending")
        self.init(
            claim: try fields.name("claim"), thing: try fields.name("thing"),
            station: try fields.optionalText("station"), at: try fields.time("at"))
    }
}
