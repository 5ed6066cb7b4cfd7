import ArgumentParser
import Fleet
import JSON

struct TypeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "type", abstract: "Thing types: what things of a kind have in common.",
        discussion: """
            slipway type create Pump --description 'moves water' --searchable model
            slipway type deprecate Pump
            """,
        subcommands: [
            Create.self, List.self, Show.self, Update.self, Deprecate.self, Delete.self,
        ])

    /// AWS: ThingTypeProperties.
    fileprivate static func properties(
        _ summary: String?, _ searchable: [String]
    ) -> JSONObject {
        var properties = JSONObject()
        properties["thingTypeDescription"] = summary.map { .string($0) }
        if !searchable.isEmpty {
            properties["searchableAttributes"] = .array(searchable.map { .string($0) })
        }
        return properties.isEmpty ? [:] : ["thingTypeProperties": .object(properties)]
    }
}

extension TypeCommand {
    struct Create: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a type; the same again changes nothing.")

        @Argument(help: "The type's name") var name: String
        @Option(help: "What it is") var description: String?
        @Option(help: "An attribute to search by; may be given several times")
        var searchable: [String] = []
        @Option(help: "A tag, NAME=VALUE; may be given several times") var tag: [NamedValue] = []
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            var body = TypeCommand.properties(self.description, self.searchable)
            body["tags"] = self.tag.tags
            return ControlCall("CreateThingType", path: ["thingTypeName": self.name], body: body)
        }
    }

    struct List: ListingCommand {
        static let configuration = CommandConfiguration(abstract: "Every type.")

        @Option(
            name: .customLong("where"),
            help: "MEMBER:VALUE, such as thingTypeName:Pump* or thingTypeMetadata.deprecated:true")
        var filter: String?
        @OptionGroup var pages: PageOptions
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) throws(FleetError) -> Listing {
            Listing(
                ControlCall("ListThingTypes"), "thingTypes", .token,
                [
                    .init("TYPE", "thingTypeName"),
                    .init("DEPRECATED", "thingTypeMetadata.deprecated"),
                    .init("SEARCHABLE", "thingTypeProperties.searchableAttributes"),
                    .init("DESCRIPTION", "thingTypeProperties.thingTypeDescription"),
                ], where: try RowFilter(self.filter))
        }
    }

    struct Show: ControlCommand {
        static let configuration = CommandConfiguration(abstract: "One type.")

        @Argument(help: "The type's name", completion: Names.types) var name: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            ControlCall("DescribeThingType", path: ["thingTypeName": self.name])
        }
    }

    struct Update: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a type another description, other searchable attributes.")

        @Argument(help: "The type's name", completion: Names.types) var name: String
        @Option(help: "What it is") var description: String?
        @Option(help: "An attribute to search by; may be given several times")
        var searchable: [String] = []
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            ControlCall(
                "UpdateThingType", path: ["thingTypeName": self.name],
                body: TypeCommand.properties(self.description, self.searchable))
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.name) is updated") }
    }

    struct Deprecate: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take no new things into a type from now on.")

        @Argument(help: "The type's name", completion: Names.types) var name: String
        @Flag(help: "Take new things again") var undo = false
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            ControlCall(
                "DeprecateThingType", path: ["thingTypeName": self.name],
                body: ["undoDeprecate": .bool(self.undo)])
        }

        func tell(_ answer: JSONValue) {
            Terminal.say("\(self.name) \(self.undo ? "takes new things again" : "is deprecated")")
        }
    }

    struct Delete: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a type that was deprecated and that no thing has.")

        @Argument(help: "The type's name", completion: Names.types) var name: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            ControlCall("DeleteThingType", path: ["thingTypeName": self.name])
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.name) is deleted") }
    }
}
