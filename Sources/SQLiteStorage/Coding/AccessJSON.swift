internal import Fleet
internal import JSON

// Access keys and roles as JSON, for the audit log.

extension AccessKey {
    /// The sealed secret stays behind: what can be opened, by whoever has the key, does not belong
    /// into a log that is never cut. Its digest says which it was.
    var json: JSONValue {
        RecordJSON.object(
            ("id", RecordJSON.name(self.id)), ("user", RecordJSON.name(self.user)),
            ("roles", self.rolesJSON), ("secretDigest", .string(self.secret.digest)),
            ("status", .string(self.status.rawValue)),
            ("createdAt", RecordJSON.time(self.createdAt)),
            ("rotatedFrom", RecordJSON.name(self.rotatedFrom)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "an access key")
        self.init(
            id: try fields.name("id"), user: try fields.name("user"),
            roles: try Self.roles(try fields.value("roles")),
            secret: SealedSecret(digest: try fields.text("secretDigest"), ciphertext: nil),
            status: try fields.oneOf("status"), createdAt: try fields.time("createdAt"),
            rotatedFrom: try fields.optionalName("rotatedFrom"))
    }

    var rolesJSON: JSONValue { .array(self.roles.map { .string($0.rawValue) }) }

    static func roles(_ json: JSONValue) throws -> [RoleName] {
        guard let names = json.arrayValue else {
            throw DamagedRow("the roles of an access key are no array")
        }
        return try names.map { name in
            guard let text = name.stringValue else {
                throw DamagedRow("a role of an access key is no string")
            }
            return RoleName(checked: text)
        }
    }
}

extension AccessRole {
    var json: JSONValue {
        RecordJSON.object(
            ("name", RecordJSON.name(self.name)), ("document", .string(self.document)),
            ("createdAt", RecordJSON.time(self.createdAt)),
            ("lastModifiedAt", RecordJSON.time(self.lastModifiedAt)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a role")
        self.init(
            name: try fields.name("name"), document: try fields.text("document"),
            createdAt: try fields.time("createdAt"),
            lastModifiedAt: try fields.time("lastModifiedAt"))
    }
}
