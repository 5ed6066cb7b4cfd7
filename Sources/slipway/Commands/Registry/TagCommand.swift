import ArgumentParser
import Fleet
import JSON

struct TagCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tag", abstract: "Tags of types, groups, policies, templates, authorities.",
        discussion: "slipway tag set arn:aws:iot:REGION:ACCOUNT:thingtype/Pump owner=works",
        subcommands: [List.self, Set.self, Remove.self])

    struct List: ListingCommand {
        static let configuration = CommandConfiguration(abstract: "The tags of a resource.")

        @Argument(help: "The resource's ARN") var resource: String
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) -> Listing {
            Listing(
                ControlCall("ListTagsForResource", query: ["resourceArn": self.resource]),
                "tags", .whole, [.init("TAG", "Key"), .init("VALUE", "Value")])
        }
    }

    struct Set: ControlCommand {
        static let configuration = CommandConfiguration(abstract: "Add tags, or change them.")

        @Argument(help: "The resource's ARN") var resource: String
        @Argument(help: "NAME=VALUE") var tags: [NamedValue]
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            ControlCall(
                "TagResource",
                body: ["resourceArn": .string(self.resource), "tags": self.tags.tags ?? []])
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.resource) is tagged") }
    }

    struct Remove: ControlCommand {
        static let configuration = CommandConfiguration(abstract: "Take tags away.")

        @Argument(help: "The resource's ARN") var resource: String
        @Argument(help: "The tags' names") var names: [String]
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            ControlCall(
                "UntagResource",
                body: [
                    "resourceArn": .string(self.resource),
                    "tagKeys": .array(self.names.map { .string($0) }),
                ])
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.resource) is untagged") }
    }
}
