internal import Fleet
internal import JSON

// Allowlist entries as JSON: columns of the store, and the audit log.

extension AllowlistFacts {
    /// The same text for the same facts, which are compared by it.
    var storedText: String {
        // A literal nil would be read as JSON's null.
        let attributes: JSONValue? =
            self.attributes.isEmpty ? .none : .some(RecordJSON.map(self.attributes))
        let state: JSONValue? =
            self.firstState == .expected ? .none : .some(.string(self.firstState.rawValue))
        return JSONPrinter.print(
            RecordJSON.object(
                ("key", RecordJSON.text(self.key?.rawValue)), ("mac", RecordJSON.text(self.mac)),
                ("type", RecordJSON.text(self.hardwareType)), ("lot", RecordJSON.text(self.lot)),
                ("attributes", attributes),
                ("state", state)),
            style: .canonical)
    }

    init(json: JSONValue?, serial: SerialNumber) throws {
        let fields = try JSONFields(json, "an allowlist entry")
        self.init(
            serial: serial,
            key: try fields.optionalText("key").map { try PublicKeyFingerprint($0) },
            mac: try fields.optionalText("mac"), hardwareType: try fields.optionalText("type"),
            lot: try fields.optionalText("lot"),
            attributes: try fields.optionalMap("attributes") ?? [:],
            firstState: try fields.optionalOneOf("state") ?? .expected)
    }
}

extension AllowlistStanding {
    var json: JSONValue {
        RecordJSON.object(
            ("state", .string(self.state.rawValue)), ("since", RecordJSON.time(self.since)),
            ("reason", RecordJSON.text(self.reason)), ("by", RecordJSON.text(self.by)),
            ("station", RecordJSON.text(self.station)), ("until", RecordJSON.time(self.until)),
            ("thing", RecordJSON.name(self.thing)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "an allowlist entry's standing")
        self.init(
            state: try fields.oneOf("state"), since: try fields.time("since"),
            reason: try fields.optionalText("reason"), by: try fields.optionalText("by"),
            station: try fields.optionalText("station"), until: try fields.optionalTime("until"),
            thing: try fields.optionalName("thing"))
    }
}
