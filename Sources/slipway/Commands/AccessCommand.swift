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
    struct Create: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a credential. Its secret is shown this once.",
            discussion: "The roles that there are: 'slipway access role list'.")

        @Argument(help: "Whom it is for: a person or a machine") var user: String
        @Option(help: "A role; may be given several times") var role: [String]
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            ControlCall(
                "CreateAccessKey",
                body: [
                    "user": .string(self.user), "roles": .array(self.role.map { .string($0) }),
                ])
        }

        func tell(_ answer: JSONValue) { AccessCommand.tellSecret(answer) }
    }

    struct List: ListingCommand {
        static let configuration = CommandConfiguration(abstract: "Every credential.")

        @OptionGroup var rows: RowOptions
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) throws(FleetError) -> Listing {
            Listing(
                ControlCall("ListAccessKeys"), "accessKeys", .after(sized: false),
                [
                    .init("ACCESS KEY", "accessKeyId"), .init("USER", "user"),
                    .init("STATUS", "status"), .init("CREATED", "createdAt"),
                    .init("ROLES", "roles"),
                ], where: try RowFilter(self.rows.filter))
        }
    }

    struct Rotate: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a credential in place of another. Its secret is shown this once.",
            discussion: """
                The old one goes on working until 'slipway access disable', so that whoever holds \
                it can change over; with --disable it ends now, as one that has leaked should, and \
                with it the registration tasks that it started.
                """)

        @Argument(help: "The access key id") var id: String
        @Flag(help: "Disable the old one at once") var disable = false
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            ControlCall(
                "RotateAccessKey", path: try AccessCommand.path(self.id),
                body: ["disablesOld": .bool(self.disable)])
        }

        func tell(_ answer: JSONValue) {
            AccessCommand.tellSecret(answer)
            Terminal.say(
                self.disable
                    ? "\(self.id) is disabled"
                    : "\(self.id) still works; then: slipway access disable \(self.id)")
        }
    }

    struct Session: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a temporary credential with the rights of another.",
            discussion: """
                It ends by itself, and with the credential it was made from. What is printed is \
                for a shell: eval "$(slipway access session AKIA…)".
                """)

        @Argument(help: "The access key id") var id: String
        @Option(help: "How long it serves, from 900 to 129600") var seconds = 43_200
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            ControlCall(
                "CreateSession", path: try AccessCommand.path(self.id),
                body: ["durationSeconds": .int(self.seconds)])
        }

        func tell(_ answer: JSONValue) {
            for (name, member) in [
                ("AWS_ACCESS_KEY_ID", "accessKeyId"),
                ("AWS_SECRET_ACCESS_KEY", "secretAccessKey"),
                ("AWS_SESSION_TOKEN", "sessionToken"),
            ] {
                Terminal.say("export \(name)='\(answer[member]?.stringValue ?? "")'")
            }
        }
    }

    struct Disable: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a credential sign nothing more, from now on.")

        @Argument(help: "The access key id") var id: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            try AccessCommand.status("Inactive", of: self.id)
        }

        func tell(_ answer: JSONValue) { AccessCommand.tellRow(answer) }
    }

    struct Enable: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a disabled credential sign again.")

        @Argument(help: "The access key id") var id: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            try AccessCommand.status("Active", of: self.id)
        }

        func tell(_ answer: JSONValue) { AccessCommand.tellRow(answer) }
    }

    struct Roles: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a credential other roles in place of those it has.")

        @Argument(help: "The access key id") var id: String
        @Option(help: "A role; may be given several times") var role: [String]
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            ControlCall(
                "SetAccessKeyRoles", path: try AccessCommand.path(self.id),
                body: ["roles": .array(self.role.map { .string($0) })])
        }

        func tell(_ answer: JSONValue) { AccessCommand.tellRow(answer) }
    }

    struct Delete: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forget a credential. What it did stays in the audit log.")

        @Argument(help: "The access key id") var id: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            ControlCall("DeleteAccessKey", path: try AccessCommand.path(self.id))
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.id) is deleted") }
    }

    private static func status(_ status: JSONValue, of id: String) throws(FleetError) -> ControlCall
    {
        ControlCall("SetAccessKeyStatus", path: try Self.path(id), body: ["status": status])
    }

    /// Judged before it becomes part of a path.
    private static func path(_ id: String) throws(FleetError) -> [String: String] {
        ["accessKeyId": try AccessKeyID(id).rawValue]
    }

    private static func tellSecret(_ answer: JSONValue) {
        func text(_ key: String) -> String { answer[key]?.stringValue ?? "" }
        let roles = (answer["roles"]?.arrayValue ?? []).compactMap(\.stringValue)
        Terminal.say("a credential for \(text("user")): \(roles.joined(separator: ", "))")
        Terminal.say("  access key id      \(text("accessKeyId"))")
        Terminal.say("  secret access key  \(text("secretAccessKey"))")
        Terminal.say("the secret is shown this once and cannot be had again")
    }

    private static func tellRow(_ key: JSONValue) {
        let roles = (key["roles"]?.arrayValue ?? []).compactMap(\.stringValue)
        let row =
            ["accessKeyId", "user", "status", "createdAt"].map { key[$0]?.stringValue ?? "" }
            + [roles.joined(separator: ", ")]
        for line in Terminal.table([row]) { Terminal.say(line) }
    }
}
