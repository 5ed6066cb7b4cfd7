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
        case .deleteThingType(let name):
            Self.of("deleteThingType", ("thingType", RecordJSON.name(name)))
        case .putThingGroup(let record): Self.put("putThingGroup", record.json)
        case .deleteThingGroup(let name):
            Self.of("deleteThingGroup", ("thingGroup", RecordJSON.name(name)))
        case .addThingToGroup(let thing, let group):
            Self.of(
                "addThingToGroup", ("thing", RecordJSON.name(thing)),
                ("thingGroup", RecordJSON.name(group)))
        case .removeThingFromGroup(let thing, let group):
            Self.of(
                "removeThingFromGroup", ("thing", RecordJSON.name(thing)),
                ("thingGroup", RecordJSON.name(group)))
        case .putBillingGroup(let record): Self.put("putBillingGroup", record.json)
        case .setBillingGroup(let thing, let group):
            Self.of(
                "setBillingGroup", ("thing", RecordJSON.name(thing)),
                ("billingGroup", RecordJSON.name(group)))
        case .deleteBillingGroup(let name):
            Self.of("deleteBillingGroup", ("billingGroup", RecordJSON.name(name)))
        case .putCertificateProvider(let record):
            Self.put("putCertificateProvider", record.json)
        case .deleteCertificateProvider(let name):
            Self.of("deleteCertificateProvider", ("certificateProvider", RecordJSON.name(name)))
        case .setTags(let resource, let tags):
            Self.of(
                "setTags", ("resource", .string(resource.path)), ("tags", RecordJSON.map(tags)))
        case .putEventConfigurations(let record):
            Self.put("putEventConfigurations", record.json)
        case .putIndexingConfiguration(let record):
            Self.put("putIndexingConfiguration", record.json)
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
        case .putRevocation(let record): Self.put("putRevocation", record.json)
        case .recordFinding(let record): Self.put("recordFinding", record.json)
        case .releaseHold(let id):
            Self.of("releaseHold", ("certificate", RecordJSON.id(id)))
        case .noteKeyWeakness(let key, let weakness):
            Self.of(
                "noteKeyWeakness", ("key", .string(key.rawValue)),
                ("weakness", .string(weakness.rawValue)))
        case .putRenewal(let record): Self.put("putRenewal", record.json)
        case .putPolicy(let record): Self.put("putPolicy", record.json)
        case .addPolicyVersion(let name, let version, let isDefault):
            Self.of(
                "addPolicyVersion", ("policy", RecordJSON.name(name)), ("version", version.json),
                ("isDefault", .bool(isDefault)))
        case .setDefaultPolicyVersion(let name, let id, let time):
            Self.of(
                "setDefaultPolicyVersion", ("policy", RecordJSON.name(name)),
                ("version", .int(id)), ("at", RecordJSON.time(time)))
        case .deletePolicyVersion(let name, let id, let time):
            Self.of(
                "deletePolicyVersion", ("policy", RecordJSON.name(name)), ("version", .int(id)),
                ("at", RecordJSON.time(time)))
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
        case .deleteTemplate(let name):
            Self.of("deleteTemplate", ("template", RecordJSON.name(name)))
        case .putTemplateVersion(let record): Self.put("putTemplateVersion", record.json)
        case .deleteTemplateVersion(let name, let id):
            Self.of(
                "deleteTemplateVersion", ("template", RecordJSON.name(name)),
                ("version", .int(id)))
        case .putHook(let record): Self.put("putHook", record.json)
        case .putClaim(let record): Self.put("putClaim", record.json)
        case .deleteClaim(let id):
            Self.of("deleteClaim", ("certificate", RecordJSON.id(id)))
        case .putClaimTerms(let record): Self.put("putClaimTerms", record.json)
        case .spendClaim(let spend): Self.put("spendClaim", spend.json)
        case .setClaimSpent(let name, let units):
            Self.of("setClaimSpent", ("claim", RecordJSON.name(name)), ("units", .int(units)))
        case .putAuthority(let record): Self.put("putAuthority", record.json)
        case .deleteAuthority(let id):
            Self.of("deleteAuthority", ("authority", RecordJSON.id(id)))
        case .putRegistrationCode(let record): Self.put("putRegistrationCode", record.json)
        case .deleteRegistrationCode: Self.of("deleteRegistrationCode")
        case .putOwnershipToken(let record): Self.put("putOwnershipToken", record.json)
        case .redeemOwnershipToken(let hash, let redemption):
            Self.of(
                "redeemOwnershipToken", ("token", .string(hash.rawValue)),
                ("redemption", redemption.json))
        case .deleteOwnershipToken(let hash):
            Self.of("deleteOwnershipToken", ("token", .string(hash.rawValue)))
        case .putAccessKey(let record): Self.put("putAccessKey", record.json)
        case .deleteAccessKey(let id):
            Self.of("deleteAccessKey", ("accessKey", RecordJSON.name(id)))
        case .putRole(let record): Self.put("putRole", record.json)
        case .deleteRole(let name): Self.of("deleteRole", ("role", RecordJSON.name(name)))
        case .putRegistrationTask(let record): Self.put("putRegistrationTask", record.json)
        case .setRegistrationTaskState(let id, let state):
            Self.of(
                "setRegistrationTaskState", ("task", RecordJSON.id(id)), ("state", state.json))
        case .deleteRegistrationTask(let id):
            Self.of("deleteRegistrationTask", ("task", RecordJSON.id(id)))
        case .recordRegisteredLine(let record): Self.put("recordRegisteredLine", record.json)
        case .forgetRegisteredLines(let id, let number):
            Self.of(
                "forgetRegisteredLines", ("task", RecordJSON.id(id)), ("through", .int(number)))
        case .publishAllowlist(let draft, let time):
            Self.of("publishAllowlist", ("draft", draft.json), ("at", RecordJSON.time(time)))
        case .addAllowlistEntries(let list, let serials, let time):
            Self.serials("addAllowlistEntries", list, serials, time)
        case .removeAllowlistEntries(let list, let serials, let time):
            Self.serials("removeAllowlistEntries", list, serials, time)
        case .setAllowlistStanding(let list, let serial, let standing):
            Self.of(
                "setAllowlistStanding", ("list", RecordJSON.name(list)),
                ("serial", .string(serial.rawValue)), ("standing", standing.json))
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
