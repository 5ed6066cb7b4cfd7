import ArgumentParser
import Fleet
import JSON

/// The header that names a principal of a thing.
private let principalHeader = "x-amzn-principal"

extension ThingCommand {
    struct Attach: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Attach a certificate to a thing.")

        @Argument(help: "The thing's name", completion: Names.things) var name: String
        @Argument(help: "The certificate: its id or ARN") var principal: String
        @Flag(help: "Let the certificate be attached to no other thing") var exclusive = false
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) async throws(FleetError) -> ControlCall {
            ControlCall(
                "AttachThingPrincipal", path: ["thingName": self.name],
                query: ["thingPrincipalType": self.exclusive ? "EXCLUSIVE_THING" : nil],
                headers: [principalHeader: try await access.certificate(self.principal)])
        }

        func tell(_ answer: JSONValue) {
            Terminal.say("\(self.principal) is attached to \(self.name)")
        }
    }

    struct Detach: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Detach a certificate from a thing.")

        @Argument(help: "The thing's name", completion: Names.things) var name: String
        @Argument(help: "The certificate: its id or ARN") var principal: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) async throws(FleetError) -> ControlCall {
            ControlCall(
                "DetachThingPrincipal", path: ["thingName": self.name],
                headers: [principalHeader: try await access.certificate(self.principal)])
        }

        func tell(_ answer: JSONValue) {
            Terminal.say("\(self.principal) is detached from \(self.name)")
        }
    }

    struct Principals: ListingCommand {
        static let configuration = CommandConfiguration(
            abstract: "The certificates of a thing, and how each is attached.")

        @Argument(help: "The thing's name", completion: Names.things) var name: String
        @OptionGroup var pages: PageOptions
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) -> Listing {
            Listing(
                ControlCall("ListThingPrincipalsV2", path: ["thingName": self.name]),
                "thingPrincipalObjects", .token,
                [.init("PRINCIPAL", "principal"), .init("ATTACHED AS", "thingPrincipalType")])
        }
    }

    struct Groups: ListingCommand {
        static let configuration = CommandConfiguration(abstract: "The groups of a thing.")

        @Argument(help: "The thing's name", completion: Names.things) var name: String
        @OptionGroup var pages: PageOptions
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) -> Listing {
            Listing(
                ControlCall("ListThingGroupsForThing", path: ["thingName": self.name]),
                "thingGroups", .token,
                [.init("GROUP", "groupName"), .init("ARN", "groupArn")])
        }
    }

    struct Connectivity: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Whether a thing is connected, and since when.")

        @Argument(help: "The thing's name", completion: Names.things) var name: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            ControlCall("GetThingConnectivityData", path: ["thingName": self.name])
        }
    }
}
