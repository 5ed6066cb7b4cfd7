import Foundation
import JSON
import Testing

/// Credentials from the command line, with and without a running service.
@Suite struct AccessScenarios {
    private static func json(_ result: Program.Result) throws -> JSONValue {
        #expect(result.status == 0, "\(result.errors)")
        return try JSONParser.parse(result.output)
    }

    private static func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    /// Every file of the installation that holds `text` in the clear.
    private static func files(of workshop: Workshop, holding text: String) throws -> [String] {
        let needle = Data(text.utf8)
        return try FileManager.default.subpathsOfDirectory(atPath: workshop.path).filter { name in
            let data = FileManager.default.contents(atPath: "\(workshop.path)/\(name)") ?? Data()
            return data.range(of: needle) != nil
        }
    }

    @Test func initTellsTheFirstCredentialOnce() async throws {
        let workshop = try Workshop()
        let first = try Self.json(try await workshop.slipway("init", "--json"))
        let credential = try #require(first["credential"])
        let id = try #require(credential["accessKeyId"]?.stringValue)
        let secret = try #require(credential["secretAccessKey"]?.stringValue)
        #expect(id.hasPrefix("AKIA"))
        #expect(try Self.mode("\(workshop.path)/var/access.key") == 0o600)
        #expect(try Self.mode("\(workshop.path)/var/aws-credentials") == 0o600)
        let file = try String(
            contentsOfFile: "\(workshop.path)/var/aws-credentials", encoding: .utf8)
        #expect(
            file
                == "[slipway]\naws_access_key_id = \(id)\naws_secret_access_key = \(secret)\n")
        #expect(try Self.files(of: workshop, holding: secret) == ["var/aws-credentials"])
        let again = try Self.json(try await workshop.slipway("init", "--json"))
        #expect(again["credential"] == nil)
        let listed = try Self.json(try await workshop.slipway("access", "list", "--json"))
        #expect(listed.arrayValue?.count == 1)
        #expect(listed.arrayValue?.first?["user"] == "admin")
        #expect(listed.arrayValue?.first?["roles"] == ["administrator"])
    }

    /// Power that fails between the file and the commit leaves a file that names nobody; it is
    /// made anew. One that fails after the commit leaves a file that only lacks its name.
    @Test func initFinishesWhatWasCutShort() async throws {
        let workshop = try await Workshop().initialized()
        let file = "\(workshop.path)/var/aws-credentials"
        let before = try String(contentsOfFile: file, encoding: .utf8)
        try FileManager.default.moveItem(atPath: file, toPath: file + ".pending")
        #expect(try await workshop.slipway("init").status == 0)
        #expect(try String(contentsOfFile: file, encoding: .utf8) == before)

        let other = try await Workshop().initialized()
        try FileManager.default.moveItem(
            atPath: "\(other.path)/var/aws-credentials",
            toPath: "\(other.path)/var/aws-credentials.pending")
        let listed = try Self.json(try await other.slipway("access", "list", "--json"))
        let id = try #require(listed.arrayValue?.first?["accessKeyId"]?.stringValue)
        #expect(try await other.slipway("access", "delete", id).status == 0)
        let made = try Self.json(try await other.slipway("init", "--json"))
        #expect(made["credential"]?["accessKeyId"] != .string(id))
        #expect(made["credential"] != nil)
    }

    @Test func aDeletedCredentialIsNotMadeAgain() async throws {
        let workshop = try await Workshop().initialized()
        let listed = try Self.json(try await workshop.slipway("access", "list", "--json"))
        let id = try #require(listed.arrayValue?.first?["accessKeyId"]?.stringValue)
        #expect(try await workshop.slipway("access", "delete", id).status == 0)
        #expect(try await workshop.slipway("init").status == 0)
        let after = try Self.json(try await workshop.slipway("access", "list", "--json"))
        #expect(after.arrayValue?.isEmpty == true)
    }

    @Test func aLostAccessKeyFileIsAskedFor() async throws {
        let workshop = try await Workshop().initialized()
        try FileManager.default.removeItem(atPath: "\(workshop.path)/var/access.key")
        let result = try await workshop.slipway("init")
        #expect(result.status == 1)
        #expect(result.errors.contains("access.key"), "\(result.errors)")
        let serve = try await workshop.slipway("serve", "--listen-port", "0")
        #expect(serve.status == 1)
        #expect(serve.errors.contains("access.key"), "\(serve.errors)")
    }

    @Test(arguments: [false, true])
    func aCredentialLivesFromCreateToDelete(served: Bool) async throws {
        let workshop = try await Workshop().initialized()
        let service = served ? try await RunningService(workshop) : nil
        let made = try Self.json(
            try await workshop.slipway(
                "access", "create", "line-4", "--role", "factory-operator", "--role", "auditor",
                "--json"))
        let id = try #require(made["accessKeyId"]?.stringValue)
        let secret = try #require(made["secretAccessKey"]?.stringValue)
        #expect(made["roles"] == ["auditor", "factory-operator"])
        #expect(try Self.files(of: workshop, holding: secret).isEmpty)

        let rotated = try Self.json(
            try await workshop.slipway("access", "rotate", id, "--disable", "--json"))
        #expect(rotated["rotatedFrom"] == .string(id))
        let next = try #require(rotated["accessKeyId"]?.stringValue)
        #expect(try await workshop.slipway("access", "disable", next).status == 0)
        #expect(try await workshop.slipway("access", "enable", next).status == 0)
        #expect(
            try await workshop.slipway("access", "roles", next, "--role", "auditor").status == 0)
        let listed = try Self.json(try await workshop.slipway("access", "list", "--json"))
        let keys = try #require(listed.arrayValue)
        func key(_ id: String) -> JSONValue? { keys.first { $0["accessKeyId"] == .string(id) } }
        #expect(key(id)?["status"] == "Inactive")
        #expect(key(next)?["status"] == "Active")
        #expect(key(next)?["roles"] == ["auditor"])
        #expect(try await workshop.slipway("access", "delete", id).status == 0)
        #expect(try await workshop.slipway("access", "delete", id).status == 1)

        let audit = try await workshop.slipway("audit", "list")
        #expect(audit.output.contains("RotateAccessKey"), "\(audit.errors)")
        #expect(!audit.output.contains(secret))
        if let service { #expect(await service.stop() == 0) }
    }

    @Test func rolesOfOnesOwnAreCheckedBeforeTheyAreStored() async throws {
        let workshop = try await Workshop().initialized()
        let good = try workshop.write(
            "good.json",
            """
            {"Version": "2012-10-17", "Statement": [
              {"Effect": "Allow", "Action": "iot:*Thing",
               "Resource": "arn:aws:iot:*:*:thing/plant-*"}]}
            """)
        let bad = try workshop.write("bad.json", #"{"Version": "2012-10-17", "Statement": 7}"#)
        #expect(try await workshop.slipway("access", "role", "put", "plant", good).status == 0)
        let refused = try await workshop.slipway("access", "role", "put", "plant", bad)
        #expect(refused.status == 1)
        #expect(refused.errors.contains("Statement"), "\(refused.errors)")
        let shown = try await workshop.slipway("access", "role", "show", "plant")
        #expect(shown.output.contains("plant-*"))
        let roles = try await workshop.slipway("access", "role", "list")
        #expect(roles.output.contains("security-officer"))
        #expect(roles.output.contains("plant"))
        let builtIn = try await workshop.slipway("access", "role", "put", "auditor", good)
        #expect(builtIn.status == 1)
        #expect(try await workshop.slipway("access", "role", "delete", "plant").status == 0)
        #expect(try await workshop.slipway("access", "role", "show", "plant").status == 1)
    }

    @Test func nobodyIsGivenARoleThatIsNotThere() async throws {
        let workshop = try await Workshop().initialized()
        let result = try await workshop.slipway("access", "create", "eve", "--role", "root")
        #expect(result.status == 1)
        #expect(result.errors.contains("there is no role 'root'"), "\(result.errors)")
    }

    @Test func envNamesWhatAWSToolsNeed() async throws {
        let workshop = try await Workshop().initialized()
        let settings = ["SLIPWAY_API_PORT": "9999", "SLIPWAY_REALM_REGION": "eu-north-9"]
        let json = try Self.json(
            try await workshop.slipway("env", "--json", environment: settings))
        #expect(json["AWS_ENDPOINT_URL_IOT"] == "http://127.0.0.1:9999")
        #expect(json["AWS_REGION"] == "eu-north-9")
        #expect(json["AWS_DEFAULT_REGION"] == "eu-north-9")
        #expect(json["AWS_PROFILE"] == "slipway")
        #expect(json["AWS_CA_BUNDLE"] == nil)
        let file = try #require(json["AWS_SHARED_CREDENTIALS_FILE"]?.stringValue)
        #expect(FileManager.default.fileExists(atPath: file))
        let secure = try await workshop.slipway(
            "env",
            environment: [
                "SLIPWAY_API_TLS": "true", "SLIPWAY_API_HOST": "::", "SLIPWAY_API_PORT": "8484",
            ])
        #expect(secure.output.contains("export AWS_ENDPOINT_URL_IOT='https://[::1]:8484'\n"))
        #expect(secure.output.contains("export AWS_CA_BUNDLE='"))
        #expect(secure.output.hasPrefix("unset AWS_ACCESS_KEY_ID "))
    }

    @Test func hooksTellWhoWroteAndWhoApprovedThem() async throws {
        let workshop = try await Workshop().initialized()
        let hooks = try Self.json(try await workshop.slipway("hook", "list", "--json"))
        let hook = try #require(hooks.arrayValue?.first)
        let digest = try #require(hook["digest"]?.stringValue)
        #expect(hook["author"] == "(local)")
        #expect(hook["approver"] == nil)
        // Who wrote the file and who sits at the socket is one person.
        let name = try #require(hook["name"]?.stringValue)
        let own = try await workshop.slipway("hook", "approve", name, digest)
        #expect(own.status == 1)
        #expect(own.errors.contains("somebody else"), "\(own.errors)")
    }
}

/// What the service writes down of every call.
@Suite struct AccessLogScenarios {
    @Test func everyCallIsALineOfTheAccessLog() async throws {
        let workshop = try await Workshop().initialized()
        let service = try await RunningService(workshop)
        #expect(try await workshop.slipway("allowlist", "show", "demo").status == 0)
        #expect(try await workshop.slipway("access", "role", "show", "nobody").status == 1)
        #expect(await service.stop() == 0)
        let path = "\(workshop.path)/var/access.log"
        let mode =
            try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
            .map { try JSONParser.parse(String($0)) }
        func line(_ operation: String) -> JSONValue? {
            lines.first { $0["operation"] == .string(operation) }
        }
        let read = try #require(line("slipway:DescribeAllowlist"))
        #expect(read["outcome"] == "allowed")
        #expect(read["status"] == 200)
        #expect(read["principalKind"] == "operator")
        #expect(read["principal"] == .string(NSUserName()))
        let refused = try #require(line("slipway:DescribeRole"))
        #expect(refused["outcome"] == "refused")
        #expect(refused["code"] == "ResourceNotFoundException")
        #expect(refused["target"] == "arn:aws:iam::000000000000:role/nobody")
    }
}
