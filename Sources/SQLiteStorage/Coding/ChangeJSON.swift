internal import Fleet
internal import JSON

/// Changes as the audit log keeps them: each an object whose `change` is the case's name. What is
/// written must read back equal for as long as there are old logs, so names are never reused.
extension Change {
    var json: JSONValue {
        switch self {
        case .putThing(let record): Self.put("putThing", record.json)
        case .deleteThing(let name): Self.of("deleteThing", ("thing", RecordJSON.name(name)))
        case .putThingType(let record): Self.put("putThingType", record.json)
        case .putThingGroup(let record): Self.put("putThingGroup", record.json)
        case .addThingToGroup(let thing, let group):
            Self.of(
                "addThingToGroup", ("thing", RecordJSON.name(thing)),
                ("thingGroup", RecordJSON.name(group)))
        case .removeThingFromGroup(let thing, let group):
            Self.of(
                "removeThingFromGroup", ("thing", RecordJSON.name(thing)),
                ("thingGroup", RecordJSON.name(group)))
        case .putCertificate(let record): Self.put("putCertificate", record.json)
        case .setCertificateStatus(let id, let status, let reason, let time):
            Self.of(
                "setCertificateStatus", ("certificate", RecordJSON.id(id)),
                ("status", .string(status.rawValue)), ("reason", RecordJSON.text(reason)),
                ("at", RecordJSON.time(time)))
        case .setProvenance(let id, let provenance):
            Self.of(
                "setProvenance", ("certificate", RecordJSON.id(id)),
                ("provenance", provenance.json))
        case .recordFirstSeen(let id, let time):
            Self.of(
                "recordFirstSeen", ("certificate", RecordJSON.id(id)),
                ("at", RecordJSON.time(time)))
        case .deleteCertificate(let id):
            Self.of("deleteCertificate", ("certificate", RecordJSON.id(id)))
        case .putPolicy(let record): Self.put("putPolicy", record.json)
        case .deletePolicy(let name): Self.of("deletePolicy", ("policy", RecordJSON.name(name)))
        case .attachPolicy(let name, let target):
            Self.of(
                "attachPolicy", ("policy", RecordJSON.name(name)), ("target", target.json))
        case .detachPolicy(let name, let target):
            Self.of(
                "detachPolicy", ("policy", RecordJSON.name(name)), ("target", target.json))
        case .attachThingPrincipal(let record): Self.put("attachThingPrincipal", record.json)
        case .detachThingPrincipal(let thing, let id):
            Self.of(
                "detachThingPrincipal", ("thing", RecordJSON.name(thing)),
                ("certificate", RecordJSON.id(id)))
        case .putTemplate(let record): Self.put("putTemplate", record.json)
        case .putTemplateVersion(let record): Self.put("putTemplateVersion", record.json)
        case .putHook(let record): Self.put("putHook", record.json)
        case .putClaim(let record): Self.put("putClaim", record.json)
        case .putAuthority(let record): Self.put("putAuthority", record.json)
        case .putOwnershipToken(let record): Self.put("putOwnershipToken", record.json)
        case .redeemOwnershipToken(let hash, let redemption):
            Self.of(
                "redeemOwnershipToken", ("token", .string(hash.rawValue)),
                ("redemption", redemption.json))
        case .deleteOwnershipToken(let hash):
            Self.of("deleteOwnershipToken", ("token", .string(hash.rawValue)))
        case .publishAllowlist(let draft, let time):
            Self.of("publishAllowlist", ("draft", draft.json), ("at", RecordJSON.time(time)))
        case .addAllowlistEntries(let list, let serials, let time):
            Self.serials("addAllowlistEntries", list, serials, time)
        case .removeAllowlistEntries(let list, let serials, let time):
            Self.serials("removeAllowlistEntries", list, serials, time)
        }
    }

    private static func of(_ name: String, _ members: (String, JSONValue?)...) -> JSONValue {
        var object = JSONObject()
        _ = object.append("change", .string(name))
        for (key, value) in members {
            if let value { _ = object.append(key, value) }
        }
        return .object(object)
    }

    private static func put(_ name: String, _ record: JSONValue) -> JSONValue {
        Self.of(name, ("record", record))
    }

    private static func serials(
        _ name: String, _ list: AllowlistName, _ serials: [SerialNumber], _ time: UnixTime
    ) -> JSONValue {
        Self.of(
            name, ("list", RecordJSON.name(list)),
            ("serials", .array(serials.map { .string($0.rawValue) })),
            ("at", RecordJSON.time(time)))
    }
}

extension Change {
    /// What reads the members of each change back, by the change's name.
    private static let decoders: [String: @Sendable (JSONFields) throws -> Change] = [
        "putThing": { .putThing(try Thing(json: $0.value("record"))) },
        "deleteThing": { .deleteThing(try $0.name("thing")) },
        "putThingType": { .putThingType(try ThingType(json: $0.value("record"))) },
        "putThingGroup": { .putThingGroup(try ThingGroup(json: $0.value("record"))) },
        "addThingToGroup": { .addThingToGroup(try $0.name("thing"), try $0.name("thingGroup")) },
        "removeThingFromGroup": {
            .removeThingFromGroup(try $0.name("thing"), try $0.name("thingGroup"))
        },
        "putCertificate": { .putCertificate(try Certificate(json: $0.value("record"))) },
        "setCertificateStatus": {
            .setCertificateStatus(
                try $0.id("certificate"), try $0.oneOf("status"),
                reason: try $0.optionalText("reason"), at: try $0.time("at"))
        },
        "setProvenance": {
            .setProvenance(
                try $0.id("certificate"), try Provenance(json: $0.value("provenance")))
        },
        "recordFirstSeen": {
            .recordFirstSeen(try $0.id("certificate"), at: try $0.time("at"))
        },
        "deleteCertificate": { .deleteCertificate(try $0.id("certificate")) },
        "putPolicy": { .putPolicy(try Policy(json: $0.value("record"))) },
        "deletePolicy": { .deletePolicy(try $0.name("policy")) },
        "attachPolicy": {
            .attachPolicy(try $0.name("policy"), try PolicyTarget(json: $0.value("target")))
        },
        "detachPolicy": {
            .detachPolicy(try $0.name("policy"), try PolicyTarget(json: $0.value("target")))
        },
        "attachThingPrincipal": {
            .attachThingPrincipal(try ThingPrincipal(json: $0.value("record")))
        },
        "detachThingPrincipal": {
            .detachThingPrincipal(try $0.name("thing"), try $0.id("certificate"))
        },
        "putTemplate": { .putTemplate(try ProvisioningTemplate(json: $0.value("record"))) },
        "putTemplateVersion": {
            .putTemplateVersion(try TemplateVersion(json: $0.value("record")))
        },
        "putHook": { .putHook(try HookScript(json: $0.value("record"))) },
        "putClaim": { .putClaim(try Claim(json: $0.value("record"))) },
        "putAuthority": { .putAuthority(try Authority(json: $0.value("record"))) },
        "putOwnershipToken": {
            .putOwnershipToken(try OwnershipToken(json: $0.value("record")))
        },
        "redeemOwnershipToken": {
            .redeemOwnershipToken(
                OwnershipTokenHash(rawValue: try $0.text("token")),
                try OwnershipToken.Redemption(json: $0.value("redemption")))
        },
        "deleteOwnershipToken": {
            .deleteOwnershipToken(OwnershipTokenHash(rawValue: try $0.text("token")))
        },
        "publishAllowlist": {
            .publishAllowlist(try AllowlistDraft(json: $0.value("draft")), at: try $0.time("at"))
        },
        "addAllowlistEntries": {
            .addAllowlistEntries(
                try $0.name("list"), try Self.serials($0), at: try $0.time("at"))
        },
        "removeAllowlistEntries": {
            .removeAllowlistEntries(
                try $0.name("list"), try Self.serials($0), at: try $0.time("at"))
        },
    ]

    init(json: JSONValue) throws {
        let fields = try JSONFields(json, "a change")
        guard let decode = Self.decoders[try fields.text("change")] else {
            throw DamagedRow("the audit log has a change that this release does not know")
        }
        self = try decode(fields)
    }

    private static func serials(_ fields: JSONFields) throws -> [SerialNumber] {
        try fields.array("serials").map { value in
            guard let serial = try? SerialNumber(value.stringValue ?? "") else {
                throw DamagedRow("the audit log has a serial number that is none")
            }
            return serial
        }
    }
}
