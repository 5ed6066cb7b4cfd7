internal import Fleet
internal import JSON

// The provisioning records as JSON, for the audit log.

extension ProvisioningTemplate {
    var json: JSONValue {
        RecordJSON.object(
            ("name", RecordJSON.name(self.name)), ("kind", .string(self.kind.rawValue)),
            ("summary", .string(self.summary)), ("enabled", .bool(self.enabled)),
            ("defaultVersionID", .int(self.defaultVersionID)),
            ("latestVersionID", .int(self.latestVersionID)),
            ("hook", RecordJSON.name(self.hook)),
            ("createdAt", RecordJSON.time(self.createdAt)),
            ("lastModifiedAt", RecordJSON.time(self.lastModifiedAt)),
            ("roleARN", RecordJSON.text(self.labels.roleARN)),
            ("hookTarget", RecordJSON.text(self.labels.hookTarget)),
            ("hookPayloadVersion", RecordJSON.text(self.labels.hookPayloadVersion)),
            ("loadedDigest", RecordJSON.text(self.loadedDigest)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a template")
        self.init(
            name: try fields.name("name"), kind: try fields.oneOf("kind"),
            summary: try fields.text("summary"), enabled: try fields.flag("enabled"),
            defaultVersionID: try fields.int("defaultVersionID"),
            latestVersionID: try fields.int("latestVersionID"),
            hook: try fields.optionalName("hook"), createdAt: try fields.time("createdAt"),
            lastModifiedAt: try fields.time("lastModifiedAt"),
            labels: Labels(
                roleARN: try fields.optionalText("roleARN"),
                hookTarget: try fields.optionalText("hookTarget"),
                hookPayloadVersion: try fields.optionalText("hookPayloadVersion")),
            loadedDigest: try fields.optionalText("loadedDigest"))
    }
}

extension TemplateVersion {
    var json: JSONValue {
        RecordJSON.object(
            ("template", RecordJSON.name(self.template)), ("id", .int(self.id)),
            ("body", .string(self.body)), ("digest", .string(self.digest)),
            ("createdAt", RecordJSON.time(self.createdAt)),
            ("author", RecordJSON.text(self.author)),
            ("message", RecordJSON.text(self.message)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a template version")
        self.init(
            template: try fields.name("template"), id: try fields.int("id"),
            body: try fields.text("body"), digest: try fields.text("digest"),
            createdAt: try fields.time("createdAt"), author: try fields.optionalText("author"),
            message: try fields.optionalText("message"))
    }
}

extension HookScript {
    var json: JSONValue {
        RecordJSON.object(
            ("name", RecordJSON.name(self.name)), ("source", .string(self.source)),
            ("digest", .string(self.digest)), ("createdAt", RecordJSON.time(self.createdAt)),
            ("author", RecordJSON.text(self.author)),
            ("approver", RecordJSON.text(self.approval?.approver)),
            ("approvedAt", RecordJSON.time(self.approval?.approvedAt)),
            ("message", RecordJSON.text(self.message)), ("version", .int(self.version)),
            ("enabled", .bool(self.enabled)), ("latestVersion", .int(self.latestVersion)),
            ("loadedDigest", RecordJSON.text(self.loadedDigest)))
    }

    /// Records from before hooks had versions say nothing of them.
    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a hook")
        self.init(
            name: try fields.name("name"), source: try fields.text("source"),
            digest: try fields.text("digest"), createdAt: try fields.time("createdAt"),
            author: try fields.optionalText("author"),
            message: try fields.optionalText("message"),
            version: try fields.optionalInt("version") ?? 1,
            approval: try fields.optionalText("approver").map {
                Approval(approver: $0, approvedAt: try fields.time("approvedAt"))
            }, enabled: json?["enabled"] != .bool(false),
            latestVersion: try fields.optionalInt("latestVersion"),
            loadedDigest: try fields.optionalText("loadedDigest"))
    }
}

extension Claim {
    var json: JSONValue {
        RecordJSON.object(
            ("certificate", RecordJSON.id(self.certificate)), ("label", .string(self.label)),
            ("station", RecordJSON.text(self.station)), ("lot", RecordJSON.text(self.lot)),
            ("createdAt", RecordJSON.time(self.createdAt)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a claim")
        self.init(
            certificate: try fields.id("certificate"), label: try fields.text("label"),
            station: try fields.optionalText("station"), lot: try fields.optionalText("lot"),
            createdAt: try fields.time("createdAt"))
    }
}

extension OwnershipToken {
    var json: JSONValue {
        RecordJSON.object(
            ("hash", .string(self.hash.rawValue)),
            ("certificate", RecordJSON.id(self.certificate)), ("claim", RecordJSON.id(self.claim)),
            ("issuedAt", RecordJSON.time(self.issuedAt)),
            ("expiresAt", RecordJSON.time(self.expiresAt)), ("redemption", self.redemption?.json))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "an ownership token")
        self.init(
            hash: OwnershipTokenHash(rawValue: try fields.text("hash")),
            certificate: try fields.id("certificate"), claim: try fields.id("claim"),
            issuedAt: try fields.time("issuedAt"), expiresAt: try fields.time("expiresAt"),
            redemption: try fields.object["redemption"].map { try Redemption(json: $0) })
    }
}

extension OwnershipToken.Redemption {
    var json: JSONValue {
        RecordJSON.object(
            ("template", RecordJSON.name(self.template)),
            ("templateVersion", .int(self.templateVersion)),
            ("parametersDigest", .string(self.parametersDigest)),
            ("answer", .string(self.answer)), ("redeemedAt", RecordJSON.time(self.redeemedAt)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a token's redemption")
        self.init(
            template: try fields.name("template"),
            templateVersion: try fields.int("templateVersion"),
            parametersDigest: try fields.text("parametersDigest"),
            answer: try fields.text("answer"), redeemedAt: try fields.time("redeemedAt"))
    }
}

extension AllowlistDraft {
    var json: JSONValue {
        RecordJSON.object(
            ("list", RecordJSON.name(self.list)), ("mode", .string(self.mode.rawValue)),
            ("version", .int(self.version)), ("baseVersion", RecordJSON.int(self.baseVersion)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "an allowlist draft")
        self.init(
            list: try fields.name("list"), mode: try fields.oneOf("mode"),
            version: try fields.int("version"), baseVersion: try fields.optionalInt("baseVersion"))
    }
}
