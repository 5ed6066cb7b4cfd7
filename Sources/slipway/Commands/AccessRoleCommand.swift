import ArgumentParser
import ControlPlane
import Fleet
import JSON

/// `slipway access role`: what credentials may do.
struct AccessRoleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "role", abstract: "Roles: those that ship, and those of your own.",
        discussion: """
            A role is a document in the language of IAM: the actions are iot:CreateThing and its \
            like for AWS IoT's operations, slipway:ImportAllowlist and its like for our own. What \
            no role of a credential allows is denied; a Deny outweighs every Allow.
            """,
        subcommands: [List.self, Show.self, Put.self, Delete.self])
}

extension AccessRoleCommand {
    struct List: ListingCommand {
        static let configuration = CommandConfiguration(abstract: "Every role.")

        @OptionGroup var rows: RowOptions
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) throws(FleetError) -> Listing {
            Listing(
                ControlCall("ListRoles"), "roles", .after(sized: false),
                [
                    .init("ROLE", "name"),
                    .init("KIND") { role in
                        role["builtIn"]?.boolValue == true ? "built in" : "your own"
                    }, .init("MAY", "summary"),
                ], where: try RowFilter(self.rows.filter))
        }
    }

    struct Show: ControlCommand {
        static let configuration = CommandConfiguration(abstract: "A role's document.")

        @Argument(help: "The role's name") var name: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            ControlCall("DescribeRole", path: try AccessRoleCommand.path(self.name))
        }

        func tell(_ answer: JSONValue) { Terminal.say(answer["document"]?.stringValue ?? "") }
    }

    struct Put: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a role of your own, or put another document in its place.")

        @Argument(help: "The role's name") var name: String
        @Argument(help: "The document's file; - is standard input") var file: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) async throws(FleetError) -> ControlCall {
            ControlCall(
                "PutRole", path: try AccessRoleCommand.path(self.name),
                body: ["document": .string(try await TextFile.read(self.file))])
        }

        func tell(_ answer: JSONValue) {
            let changed = answer["changed"]?.boolValue == true
            Terminal.say("\(self.name) \(changed ? "is stored" : "was the same already")")
        }
    }

    struct Delete: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forget a role that no credential has.")

        @Argument(help: "The role's name") var name: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            ControlCall("DeleteRole", path: try AccessRoleCommand.path(self.name))
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.name) is deleted") }
    }

    private static func path(_ name: String) throws(FleetError) -> [String: String] {
        ["roleName": try RoleName(name).rawValue]
    }
}
