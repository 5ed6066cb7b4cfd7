import ArgumentParser
import ControlPlane
import Fleet
import JSON

struct AccessCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "access",
        abstract: "Credentials for people and machines, and what they may do.",
        discussion: """
            Talks to the running service where there is one, else works on the database itself. \
            A credential signs requests as AWS's do; 'slipway env' tells aws and boto3 where.
            """,
        subcommands: [
            Create.self, List.self, Rotate.self, Session.self, Disable.self, Enable.self,
            Roles.self,
            Delete.self, AccessRoleCommand.self,
        ])
}

extension AccessCommand {
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a credential. Its secret is shown this once.",
            discussion: "The roles that there are: 'slipway access role list'.")

        @Argument(help: "Whom it is for: a person or a machine") var user: String
        @Option(help: "A role; may be given several times") var role: [String]
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let access = try await ControlAccess.open(self.settings)
                let answer = try await access.perform(
                    "CreateAccessKey",
                    body: [
                        "user": .string(self.user),
                        "roles": .array(self.role.map { .string($0) }),
                    ])
                AccessCommand.tellSecret(answer, json: self.json)
            } catch { throw Failure.exit(error) }
        }
    }

    struct List: ListingCommand {
        static let configuration = CommandConfiguration(abstract: "Every credential.")

        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) -> Listing {
            Listing(
                ControlCall("ListAccessKeys"), "accessKeys", .after(sized: false),
                [
                    .init("ACCESS KEY", "accessKeyId"), .init("USER", "user"),
                    .init("STATUS", "status"), .init("CREATED", "createdAt"),
                    .init("ROLES", "roles"),
                ])
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a credential in place of another. Its secret is shown this once.",
            discussion: """
                The old one goes on working until 'slipway access disable', so that whoever holds \
                it can change over; with --disable it ends now, as one that has leaked should.
                """)

        @Argument(help: "The access key id") var id: String
        @Flag(help: "Disable the old one at once") var disable = false
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let access = try await ControlAccess.open(self.settings)
                let answer = try await access.perform(
                    "RotateAccessKey", path: try AccessCommand.path(self.id),
                    body: ["disablesOld": .bool(self.disable)])
                AccessCommand.tellSecret(answer, json: self.json)
                guard !self.json else { return }
                Terminal.say(
                    self.disable
                        ? "\(self.id) is disabled"
                        : "\(self.id) still works; then: slipway access disable \(self.id)")
            } catch { throw Failure.exit(error) }
        }
    }

    struct Session: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a temporary credential with the rights of another.",
            discussion: """
                It ends by itself, and with the credential it was made from. What is printed is \
                for a shell: eval "$(slipway access session AKIA…)".
                """)

        @Argument(help: "The access key id") var id: String
        @Option(help: "How long it serves, from 900 to 129600") var seconds = 43_200
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let access = try await ControlAccess.open(self.settings)
                let answer = try await access.perform(
                    "CreateSession", path: try AccessCommand.path(self.id),
                    body: ["durationSeconds": .int(self.seconds)])
                guard !self.json else { return Terminal.say(answer) }
                for (name, member) in [
                    ("AWS_ACCESS_KEY_ID", "accessKeyId"),
                    ("AWS_SECRET_ACCESS_KEY", "secretAccessKey"),
                    ("AWS_SESSION_TOKEN", "sessionToken"),
                ] {
                    Terminal.say("export \(name)='\(answer[member]?.stringValue ?? "")'")
                }
            } catch { throw Failure.exit(error) }
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a credential sign nothing more, from now on.")

        @Argument(help: "The access key id") var id: String
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            try await AccessCommand.change(
                "SetAccessKeyStatus", self.id, ["status": "Inactive"], self.settings,
                json: self.json)
        }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a disabled credential sign again.")

        @Argument(help: "The access key id") var id: String
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            try await AccessCommand.change(
                "SetAccessKeyStatus", self.id, ["status": "Active"], self.settings,
                json: self.json)
        }
    }

    struct Roles: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a credential other roles in place of those it has.")

        @Argument(help: "The access key id") var id: String
        @Option(help: "A role; may be given several times") var role: [String]
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            try await AccessCommand.change(
                "SetAccessKeyRoles", self.id, ["roles": .array(self.role.map { .string($0) })],
                self.settings, json: self.json)
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forget a credential. What it did stays in the audit log.")

        @Argument(help: "The access key id") var id: String
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let access = try await ControlAccess.open(self.settings)
                _ = try await access.perform(
                    "DeleteAccessKey", path: try AccessCommand.path(self.id))
                Terminal.say("\(self.id) is deleted")
            } catch { throw Failure.exit(error) }
        }
    }

    private static func change(
        _ operation: String, _ id: String, _ body: JSONObject, _ settings: LocationOptions,
        json: Bool
    ) async throws {
        do throws(FleetError) {
            let access = try await ControlAccess.open(settings)
            let answer = try await access.perform(
                operation, path: try Self.path(id), body: .object(body))
            guard !json else { return Terminal.say(answer) }
            for line in Terminal.table([Self.row(answer)]) { Terminal.say(line) }
        } catch { throw Failure.exit(error) }
    }

    /// Judged before it becomes part of a path.
    private static func path(_ id: String) throws(FleetError) -> [String: String] {
        ["accessKeyId": try AccessKeyID(id).rawValue]
    }

    private static func tellSecret(_ answer: JSONValue, json: Bool) {
        guard !json else { return Terminal.say(answer) }
        func text(_ key: String) -> String { answer[key]?.stringValue ?? "" }
        let roles = (answer["roles"]?.arrayValue ?? []).compactMap(\.stringValue)
        Terminal.say("a credential for \(text("user")): \(roles.joined(separator: ", "))")
        Terminal.say("  access key id      \(text("accessKeyId"))")
        Terminal.say("  secret access key  \(text("secretAccessKey"))")
        Terminal.say("the secret is shown this once and cannot be had again")
    }

    private static func row(_ key: JSONValue) -> [String] {
        let roles = (key["roles"]?.arrayValue ?? []).compactMap(\.stringValue)
        return ["accessKeyId", "user", "status", "createdAt"].map { key[$0]?.stringValue ?? "" }
            + [roles.joined(separator: ", ")]
    }
}
