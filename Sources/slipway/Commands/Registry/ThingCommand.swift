import ArgumentParser
import Fleet
import JSON

struct ThingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "thing",
        abstract: "Things: create, find, change and delete them, and attach certificates.",
        discussion: """
            slipway thing create pump-1 --type Pump --attribute site=a
            slipway thing list --where 'attributes.site:a' --page-all
            slipway thing attach pump-1 CERTIFICATE

            Works through the running service, else on the database itself; with --endpoint-url \
            over HTTP, with the rights of an access key.
            """,
        subcommands: [
            Create.self, List.self, Show.self, Update.self, Delete.self, Attach.self,
            Detach.self, Principals.self, Groups.self, Connectivity.self, Register.self,
        ])
}

extension ThingCommand {
    struct Create: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a thing; the same again changes nothing.")

        @Argument(help: "The thing's name") var name: String
        @Option(help: "Its type", completion: Names.types) var type: String?
        @Option(help: "NAME=VALUE; may be given several times") var attribute: [NamedValue] = []
        @Option(help: "Its billing group") var billingGroup: String?
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            var body = JSONObject()
            body["thingTypeName"] = self.type.map { .string($0) }
            body["billingGroupName"] = self.billingGroup.map { .string($0) }
            if !self.attribute.isEmpty {
                body["attributePayload"] = ["attributes": try self.attribute.object()]
            }
            return ControlCall("CreateThing", path: ["thingName": self.name], body: body)
        }
    }

    struct List: ListingCommand {
        static let configuration = CommandConfiguration(
            abstract: "Things by name, or those that a query finds.",
            discussion: "The language of --where is that of 'slipway search'.")

        @Option(
            name: .customLong("where"),
            help: "A query, such as 'thingTypeName:Pump attributes.site:a'")
        var query: String?
        @Option(help: "Only things of this type", completion: Names.types) var type: String?
        @OptionGroup var pages: PageOptions
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) throws(FleetError) -> Listing {
            let columns: [Listing.Column] = [
                .init("THING", "thingName"), .init("TYPE", "thingTypeName"),
                .init("ATTRIBUTES", "attributes"),
            ]
            guard let query = self.query else {
                return Listing(
                    ControlCall("ListThings", query: ["thingTypeName": self.type]), "things",
                    .token, columns)
            }
            let typed = self.type.map { "(\(query)) AND thingTypeName:\"\($0)\"" } ?? query
            return Listing(
                ControlCall(
                    "SearchIndex",
                    body: ["indexName": "AWS_Things", "queryString": .string(typed)]),
                "things", .bodyToken, columns)
        }
    }

    struct Show: ControlCommand {
        static let configuration = CommandConfiguration(abstract: "One thing.")

        @Argument(help: "The thing's name", completion: Names.things) var name: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            ControlCall("DescribeThing", path: ["thingName": self.name])
        }
    }

    struct Update: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a thing another type or other attributes.",
            discussion: """
                Attributes are added to those it has, and one with an empty value is taken away; \
                with --replace it has those that are given and no others.
                """)

        @Argument(help: "The thing's name", completion: Names.things) var name: String
        @Option(help: "Another type", completion: Names.types) var type: String?
        @Flag(help: "Take its type away") var removeType = false
        @Option(help: "NAME=VALUE; may be given several times") var attribute: [NamedValue] = []
        @Flag(help: "Drop the attributes that are not given") var replace = false
        @Option(help: "Only if it still has this version") var version: Int?
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            var body = JSONObject()
            body["thingTypeName"] = self.type.map { .string($0) }
            if self.removeType { body["removeThingType"] = true }
            body["expectedVersion"] = self.version.map { .int($0) }
            if !self.attribute.isEmpty || self.replace {
                body["attributePayload"] = [
                    "attributes": try self.attribute.object(), "merge": .bool(!self.replace),
                ]
            }
            return ControlCall("UpdateThing", path: ["thingName": self.name], body: body)
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.name) is updated") }
    }

    struct Delete: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a thing that no certificate is attached to.")

        @Argument(help: "The thing's name", completion: Names.things) var name: String
        @Option(help: "Only if it still has this version") var version: Int?
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            ControlCall(
                "DeleteThing", path: ["thingName": self.name],
                query: ["expectedVersion": self.version.map { String($0) }])
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.name) is deleted") }
    }
}
