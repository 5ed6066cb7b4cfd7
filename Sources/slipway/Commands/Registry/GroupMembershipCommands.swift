import ArgumentParser
import Fleet
import JSON

extension GroupCommand {
    struct Add: ControlCommand {
        static let configuration = CommandConfiguration(abstract: "Put a thing into a group.")

        @Argument(help: "The group's name", completion: Names.groups) var name: String
        @Argument(help: "The thing's name", completion: Names.things) var thing: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            ControlCall(
                "AddThingToThingGroup",
                body: ["thingGroupName": .string(self.name), "thingName": .string(self.thing)])
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.thing) is in \(self.name)") }
    }

    struct Remove: ControlCommand {
        static let configuration = CommandConfiguration(abstract: "Take a thing out of a group.")

        @Argument(help: "The group's name", completion: Names.groups) var name: String
        @Argument(help: "The thing's name", completion: Names.things) var thing: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            ControlCall(
                "RemoveThingFromThingGroup",
                body: ["thingGroupName": .string(self.name), "thingName": .string(self.thing)])
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.thing) is not in \(self.name)") }
    }

    struct Things: ListingCommand {
        static let configuration = CommandConfiguration(abstract: "The things of a group.")

        @Argument(help: "The group's name", completion: Names.groups) var name: String
        @Flag(help: "Those of the groups below it as well") var recursive = false
        @OptionGroup var pages: PageOptions
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) -> Listing {
            Listing(
                ControlCall(
                    "ListThingsInThingGroup", path: ["thingGroupName": self.name],
                    query: ["recursive": String(self.recursive)]),
                "things", .token, [.init("THING", "")])
        }
    }

    struct Policies: ListingCommand {
        static let configuration = CommandConfiguration(
            abstract: "The policies of a group; with --recursive those of the groups above too.")

        @Argument(help: "The group's name", completion: Names.groups) var name: String
        @Flag(help: "Those that it inherits as well") var recursive = false
        @OptionGroup var pages: PageOptions
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) async throws(FleetError) -> Listing {
            .attachedPolicies(try await access.group(self.name), recursive: self.recursive)
        }
    }
}

extension Listing {
    /// - Parameter target: the ARN of a certificate or a thing group.
    static func attachedPolicies(_ target: String, recursive: Bool = false) -> Listing {
        Listing(
            ControlCall(
                "ListAttachedPolicies", path: ["target": target],
                query: ["recursive": String(recursive)]),
            "policies", .marker, [.init("POLICY", "policyName"), .init("ARN", "policyArn")])
    }
}

/// `slipway group billing`: groups that a thing is in one of at most.
struct BillingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "billing", abstract: "Billing groups: a thing is in one of them at most.",
        subcommands: [
            Create.self, List.self, Show.self, Update.self, Delete.self, Add.self, Remove.self,
            Things.self,
        ])
}

extension BillingCommand {
    struct Create: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a billing group; the same again changes nothing.")

        @Argument(help: "The billing group's name") var name: String
        @Option(help: "What it is") var description: String?
        @Option(help: "A tag, NAME=VALUE; may be given several times") var tag: [NamedValue] = []
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            var body = JSONObject()
            if let text = self.description {
                body["billingGroupProperties"] = ["billingGroupDescription": .string(text)]
            }
            body["tags"] = self.tag.tags
            return ControlCall(
                "CreateBillingGroup", path: ["billingGroupName": self.name], body: body)
        }
    }

    struct List: ListingCommand {
        static let configuration = CommandConfiguration(abstract: "Every billing group.")

        @Option(
            name: .customLong("where"), help: "MEMBER:VALUE, such as groupName:site-*")
        var filter: String?
        @OptionGroup var pages: PageOptions
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) throws(FleetError) -> Listing {
            Listing(
                ControlCall("ListBillingGroups"), "billingGroups", .token,
                [.init("BILLING GROUP", "groupName"), .init("ARN", "groupArn")],
                where: try RowFilter(self.filter))
        }
    }

    struct Show: ControlCommand {
        static let configuration = CommandConfiguration(abstract: "One billing group.")

        @Argument(help: "The billing group's name") var name: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            ControlCall("DescribeBillingGroup", path: ["billingGroupName": self.name])
        }
    }

    struct Update: ControlCommand {
        static let configuration = CommandConfiguration(abstract: "Give it another description.")

        @Argument(help: "The billing group's name") var name: String
        @Option(help: "What it is") var description: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            ControlCall(
                "UpdateBillingGroup", path: ["billingGroupName": self.name],
                body: [
                    "billingGroupProperties": [
                        "billingGroupDescription": .string(self.description)
                    ]
                ])
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.name) is updated") }
    }

    struct Delete: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a billing group; its things stay.")

        @Argument(help: "The billing group's name") var name: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            ControlCall("DeleteBillingGroup", path: ["billingGroupName": self.name])
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.name) is deleted") }
    }

    struct Add: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a thing into a billing group, out of any other.")

        @Argument(help: "The billing group's name") var name: String
        @Argument(help: "The thing's name", completion: Names.things) var thing: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            ControlCall(
                "AddThingToBillingGroup",
                body: ["billingGroupName": .string(self.name), "thingName": .string(self.thing)])
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.thing) is in \(self.name)") }
    }

    struct Remove: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a thing out of a billing group.")

        @Argument(help: "The billing group's name") var name: String
        @Argument(help: "The thing's name", completion: Names.things) var thing: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            ControlCall(
                "RemoveThingFromBillingGroup",
                body: ["billingGroupName": .string(self.name), "thingName": .string(self.thing)])
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.thing) is not in \(self.name)") }
    }

    struct Things: ListingCommand {
        static let configuration = CommandConfiguration(
            abstract: "The things of a billing group.")

        @Argument(help: "The billing group's name") var name: String
        @OptionGroup var pages: PageOptions
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) -> Listing {
            Listing(
                ControlCall("ListThingsInBillingGroup", path: ["billingGroupName": self.name]),
                "things", .token, [.init("THING", "")])
        }
    }
}
