import ArgumentParser
import Fleet
import JSON

struct GroupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "group", abstract: "Thing groups: a tree of them, and those of a query.",
        discussion: """
            slipway group create site-a --description 'the first site'
            slipway group create hall-1 --parent site-a
            slipway group create hot --query 'attributes.temp>60'
            slipway group add hall-1 pump-1
            slipway group things site-a --recursive --page-all
            """,
        subcommands: [
            Create.self, List.self, Show.self, Update.self, Delete.self, Add.self, Remove.self,
            Things.self, Policies.self, BillingCommand.self,
        ])

    /// AWS: ThingGroupProperties.
    fileprivate static func properties(
        _ summary: String?, _ attributes: [NamedValue], merges: Bool?
    ) throws(FleetError) -> JSONValue? {
        var properties = JSONObject()
        properties["thingGroupDescription"] = summary.map { .string($0) }
        if !attributes.isEmpty || merges == false {
            var payload: JSONObject = ["attributes": try attributes.object()]
            payload["merge"] = merges.map { .bool($0) }
            properties["attributePayload"] = .object(payload)
        }
        return properties.isEmpty ? nil : .object(properties)
    }
}

extension GroupCommand {
    struct Create: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a group, or with --query one of all things that a query finds.")

        @Argument(help: "The group's name") var name: String
        @Option(help: "The group above it", completion: Names.groups) var parent: String?
        @Option(help: "A query, as of 'slipway search': the group's things are those it finds")
        var query: String?
        @Option(help: "What it is") var description: String?
        @Option(help: "NAME=VALUE; may be given several times") var attribute: [NamedValue] = []
        @Option(help: "A tag, NAME=VALUE; may be given several times") var tag: [NamedValue] = []
        @OptionGroup var options: CommandOptions

        func validate() throws {
            guard self.query == nil || self.parent == nil else {
                throw ValidationError("a group of a query has no parent: leave one of them out")
            }
        }

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            var body = JSONObject()
            body["parentGroupName"] = self.parent.map { .string($0) }
            body["queryString"] = self.query.map { .string($0) }
            body["thingGroupProperties"] = try GroupCommand.properties(
                self.description, self.attribute, merges: nil)
            body["tags"] = self.tag.tags
            return ControlCall(
                self.query == nil ? "CreateThingGroup" : "CreateDynamicThingGroup",
                path: ["thingGroupName": self.name], body: body)
        }
    }

    struct List: ListingCommand {
        static let configuration = CommandConfiguration(
            abstract: "Groups: all, those below one, or those that a query finds.",
            discussion: "The language of --where is that of 'slipway search --groups'.")

        @Option(
            name: .customLong("where"),
            help: "A query, such as 'parentGroupNames:site-a attributes.floor:1'")
        var query: String?
        @Option(help: "Only those below this group", completion: Names.groups)
        var parent: String?
        @Flag(help: "With --parent: those further below as well") var recursive = false
        @Option(help: "Only those whose names begin so") var prefix: String?
        @OptionGroup var pages: PageOptions
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) -> Listing {
            guard let query = self.query else {
                return Listing(
                    ControlCall(
                        "ListThingGroups",
                        query: [
                            "parentGroup": self.parent, "namePrefixFilter": self.prefix,
                            "recursive": self.parent == nil ? nil : String(self.recursive),
                        ]), "thingGroups", .token,
                    [.init("GROUP", "groupName"), .init("ARN", "groupArn")])
            }
            return Listing(
                ControlCall(
                    "SearchIndex",
                    body: ["indexName": "AWS_ThingGroups", "queryString": .string(query)]),
                "thingGroups", .bodyToken,
                [
                    .init("GROUP", "thingGroupName"), .init("PARENTS", "parentGroupNames"),
                    .init("DESCRIPTION", "thingGroupDescription"),
                    .init("ATTRIBUTES", "attributes"),
                ])
        }
    }

    struct Show: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "One group, with its place in the tree.")

        @Argument(help: "The group's name", completion: Names.groups) var name: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            ControlCall("DescribeThingGroup", path: ["thingGroupName": self.name])
        }
    }

    struct Update: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a group another description, other attributes, another query.",
            discussion: """
                Attributes are added to those it has, and one with an empty value is taken away; \
                with --replace it has those that are given and no others.
                """)

        @Argument(help: "The group's name", completion: Names.groups) var name: String
        @Option(help: "What it is") var description: String?
        @Option(help: "Another query, for a group that has one") var query: String?
        @Option(help: "NAME=VALUE; may be given several times") var attribute: [NamedValue] = []
        @Flag(help: "Drop the attributes that are not given") var replace = false
        @Option(help: "Only if it still has this version") var version: Int?
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) async throws(FleetError) -> ControlCall {
            let group = try await access.perform(
                ControlCall("DescribeThingGroup", path: ["thingGroupName": self.name]))
            var body = JSONObject()
            body["thingGroupProperties"] =
                try GroupCommand.properties(
                    self.description, self.attribute, merges: !self.replace)
                ?? [:]
            body["expectedVersion"] = self.version.map { .int($0) }
            body["queryString"] = self.query.map { .string($0) }
            let isDynamic = group["queryString"] != nil
            return ControlCall(
                isDynamic || self.query != nil ? "UpdateDynamicThingGroup" : "UpdateThingGroup",
                path: ["thingGroupName": self.name], body: body)
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.name) is updated") }
    }

    struct Delete: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a group that has none below it; its things stay.")

        @Argument(help: "The group's name", completion: Names.groups) var name: String
        @Option(help: "Only if it still has this version") var version: Int?
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) async throws(FleetError) -> ControlCall {
            let group = try await access.perform(
                ControlCall("DescribeThingGroup", path: ["thingGroupName": self.name]))
            let isDynamic = group["queryString"] != nil
            return ControlCall(
                isDynamic ? "DeleteDynamicThingGroup" : "DeleteThingGroup",
                path: ["thingGroupName": self.name],
                query: ["expectedVersion": self.version.map { String($0) }])
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.name) is deleted") }
    }
}
