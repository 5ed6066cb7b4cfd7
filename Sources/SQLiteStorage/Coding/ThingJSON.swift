internal import Fleet
internal import JSON

// Things, types and groups as JSON, for the audit log. Members are named as the records name them;
// those that step 3 of the schema brought may be missing in records that are older.

extension Thing {
    var json: JSONValue {
        RecordJSON.object(
            ("name", RecordJSON.name(self.name)), ("id", RecordJSON.id(self.id)),
            ("typeName", RecordJSON.name(self.typeName)),
            ("attributes", RecordJSON.map(self.attributes)),
            ("billingGroup", RecordJSON.name(self.billingGroup)), ("version", .int(self.version)),
            ("createdAt", RecordJSON.time(self.createdAt)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a thing")
        self.init(
            name: try fields.name("name"), id: try fields.resourceID("id"),
            typeName: try fields.optionalName("typeName"),
            attributes: try fields.map("attributes"),
            billingGroup: try fields.optionalName("billingGroup"),
            version: try fields.int("version"), createdAt: try fields.time("createdAt"))
    }
}

extension ThingType {
    var json: JSONValue {
        RecordJSON.object(
            ("name", RecordJSON.name(self.name)), ("id", RecordJSON.id(self.id)),
            ("summary", RecordJSON.text(self.summary)),
            ("searchableAttributes", RecordJSON.texts(self.searchableAttributes)),
            ("propagatingAttributes", RecordJSON.propagating(self.propagatingAttributes)),
            ("createdAt", RecordJSON.time(self.createdAt)),
            ("deprecatedAt", RecordJSON.time(self.deprecatedAt)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a thing type")
        self.init(
            name: try fields.name("name"), id: try fields.resourceID("id"),
            summary: try fields.optionalText("summary"),
            searchableAttributes: try fields.optionalTexts("searchableAttributes") ?? [],
            propagatingAttributes: try fields.object["propagatingAttributes"].map {
                try RecordJSON.propagating($0)
            } ?? [], createdAt: try fields.time("createdAt"),
            deprecatedAt: try fields.optionalTime("deprecatedAt"))
    }
}

extension RecordJSON {
    static func propagating(_ attributes: [PropagatingAttribute]) -> JSONValue {
        .array(
            attributes.map { attribute in
                switch attribute.source {
                case .thingAttribute(let name):
                    self.object(
                        ("userPropertyKey", .string(attribute.userPropertyKey)),
                        ("thingAttribute", .string(name)))
                case .connectionAttribute(let name):
                    self.object(
                        ("userPropertyKey", .string(attribute.userPropertyKey)),
                        ("connectionAttribute", .string(name)))
                }
            })
    }

    static func propagating(_ value: JSONValue) throws -> [PropagatingAttribute] {
        guard let array = value.arrayValue else {
            throw DamagedRow("the JSON of propagating attributes is no list")
        }
        return try array.map { element in
            let fields = try JSONFields(element, "a propagating attribute")
            let source: PropagatingAttribute.Source =
                if let name = try fields.optionalText("thingAttribute") {
                    .thingAttribute(name)
                } else {
                    .connectionAttribute(try fields.text("connectionAttribute"))
                }
            return PropagatingAttribute(
                userPropertyKey: try fields.text("userPropertyKey"), source: source)
        }
    }
}

extension ThingGroup {
    var json: JSONValue {
        RecordJSON.object(
            ("name", RecordJSON.name(self.name)), ("id", RecordJSON.id(self.id)),
            ("parent", RecordJSON.name(self.parent)),
            ("ancestors", RecordJSON.texts(self.ancestors.map(\.rawValue))),
            ("summary", RecordJSON.text(self.summary)),
            ("attributes", RecordJSON.map(self.attributes)), ("version", .int(self.version)),
            ("createdAt", RecordJSON.time(self.createdAt)), ("query", self.query?.json))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a thing group")
        // Older records name the parent alone; what is above it is not theirs to say.
        let parent: [String] = try fields.optionalText("parent").map { [$0] } ?? []
        let ancestors = try fields.optionalTexts("ancestors") ?? parent
        self.init(
            name: try fields.name("name"), id: try fields.resourceID("id"),
            ancestors: ancestors.map { ThingGroupName(checked: $0) },
            summary: try fields.optionalText("summary"),
            attributes: try fields.optionalMap("attributes") ?? [:],
            version: try fields.optionalInt("version") ?? 1,
            createdAt: try fields.time("createdAt"),
            query: try fields.object["query"].map { try DynamicQuery(json: $0) })
    }
}

extension ThingGroup.DynamicQuery {
    var json: JSONValue {
        RecordJSON.object(
            ("indexName", .string(self.indexName)), ("queryString", .string(self.queryString)),
            ("queryVersion", .string(self.queryVersion)), ("status", .string(self.status.rawValue)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a dynamic group's query")
        self.init(
            indexName: try fields.text("indexName"),
            queryString: try fields.text("queryString"),
            queryVersion: try fields.text("queryVersion"), status: try fields.oneOf("status"))
    }
}

extension BillingGroup {
    var json: JSONValue {
        RecordJSON.object(
            ("name", RecordJSON.name(self.name)), ("id", RecordJSON.id(self.id)),
            ("summary", RecordJSON.text(self.summary)), ("version", .int(self.version)),
            ("createdAt", RecordJSON.time(self.createdAt)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a billing group")
        self.init(
            name: try fields.name("name"), id: try fields.resourceID("id"),
            summary: try fields.optionalText("summary"), version: try fields.int("version"),
            createdAt: try fields.time("createdAt"))
    }
}

extension CertificateProvider {
    var json: JSONValue {
        RecordJSON.object(
            ("name", RecordJSON.name(self.name)), ("target", .string(self.target)),
            ("hook", RecordJSON.name(self.hook)),
            ("clientToken", RecordJSON.text(self.clientToken)),
            ("createdAt", RecordJSON.time(self.createdAt)),
            ("lastModifiedAt", RecordJSON.time(self.lastModifiedAt)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a certificate provider")
        self.init(
            name: try fields.name("name"), target: try fields.text("target"),
            hook: try fields.name("hook"), clientToken: try fields.optionalText("clientToken"),
            createdAt: try fields.time("createdAt"),
            lastModifiedAt: try fields.time("lastModifiedAt"))
    }
}
