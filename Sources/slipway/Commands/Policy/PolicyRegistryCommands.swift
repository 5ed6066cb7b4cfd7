import ArgumentParser
import Fleet
import JSON

extension PolicyCommand {
    struct Create: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Store a policy in the service.")

        @Argument(help: "The policy's name") var name: String
        @Argument(help: "Its document; - is standard input", completion: .file())
        var file: String
        @Option(help: "A tag, NAME=VALUE; may be given several times") var tag: [NamedValue] = []
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) async throws(FleetError) -> ControlCall {
            var body: JSONObject = ["policyDocument": .string(try await TextFile.read(self.file))]
            body["tags"] = self.tag.tags
            return ControlCall("CreatePolicy", path: ["policyName": self.name], body: body)
        }

        func tell(_ answer: JSONValue) {
            Terminal.say("\(self.name) is \(Details.text(answer["policyArn"]))")
        }
    }

    struct List: ListingCommand {
        static let configuration = CommandConfiguration(abstract: "Every policy of the service.")

        @Option(name: .customLong("where"), help: "MEMBER:VALUE, such as policyName:pump-*")
        var filter: String?
        @OptionGroup var pages: PageOptions
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) throws(FleetError) -> Listing {
            Listing(
                ControlCall("ListPolicies"), "policies", .marker,
                [.init("POLICY", "policyName"), .init("ARN", "policyArn")],
                where: try RowFilter(self.filter))
        }
    }

    struct Show: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "The document of a policy's default version, or of another.")

        @Argument(help: "The policy's name", completion: Names.policies) var name: String
        @Option(help: "A version other than the default") var version: String?
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            guard let version = self.version else {
                return ControlCall("GetPolicy", path: ["policyName": self.name])
            }
            return ControlCall(
                "GetPolicyVersion",
                path: ["policyName": self.name, "policyVersionId": version])
        }

        func tell(_ answer: JSONValue) {
            Terminal.say(answer["policyDocument"]?.stringValue ?? "")
        }
    }

    struct Delete: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a policy that hangs on nothing, or one of its versions.")

        @Argument(help: "The policy's name", completion: Names.policies) var name: String
        @Option(help: "Only this version, which must not be the default") var version: String?
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            guard let version = self.version else {
                return ControlCall("DeletePolicy", path: ["policyName": self.name])
            }
            return ControlCall(
                "DeletePolicyVersion",
                path: ["policyName": self.name, "policyVersionId": version])
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.name) is deleted") }
    }

    struct Attach: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Hang a policy on a certificate or a thing group.")

        @Argument(help: "The policy's name", completion: Names.policies) var name: String
        @Argument(help: "A certificate's id, a group's name, or an ARN", completion: Names.groups)
        var target: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) async throws(FleetError) -> ControlCall {
            ControlCall(
                "AttachPolicy", path: ["policyName": self.name],
                body: ["target": .string(try await access.target(self.target))])
        }

        func tell(_ answer: JSONValue) {
            Terminal.say("\(self.name) is attached to \(self.target)")
        }
    }

    struct Detach: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a policy off a certificate or a thing group.")

        @Argument(help: "The policy's name", completion: Names.policies) var name: String
        @Argument(help: "A certificate's id, a group's name, or an ARN", completion: Names.groups)
        var target: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) async throws(FleetError) -> ControlCall {
            ControlCall(
                "DetachPolicy", path: ["policyName": self.name],
                body: ["target": .string(try await access.target(self.target))])
        }

        func tell(_ answer: JSONValue) {
            Terminal.say("\(self.name) is detached from \(self.target)")
        }
    }

    struct Targets: ListingCommand {
        static let configuration = CommandConfiguration(abstract: "What a policy hangs on.")

        @Argument(help: "The policy's name", completion: Names.policies) var name: String
        @OptionGroup var pages: PageOptions
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) -> Listing {
            Listing(
                ControlCall("ListTargetsForPolicy", path: ["policyName": self.name]), "targets",
                .marker, [.init("TARGET", "")])
        }
    }

    struct Effective: ListingCommand {
        static let configuration = CommandConfiguration(
            abstract: "The policies that count for a certificate, a thing, or both together.")

        @Option(help: "A certificate's id or ARN") var principal: String?
        @Option(help: "A thing's name", completion: Names.things) var thing: String?
        @OptionGroup var options: CommandOptions

        func validate() throws {
            guard self.principal != nil || self.thing != nil else {
                throw ValidationError("name --principal, --thing or both")
            }
        }

        func listing(_ access: ControlAccess) async throws(FleetError) -> Listing {
            var body = JSONObject()
            if let principal = self.principal {
                body["principal"] = .string(try await access.certificate(principal))
            }
            return Listing(
                ControlCall(
                    "GetEffectivePolicies", query: ["thingName": self.thing], body: body),
                "effectivePolicies", .whole,
                [.init("POLICY", "policyName"), .init("ARN", "policyArn")])
        }
    }

    /// `slipway policy version`.
    struct Version: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The versions of a policy; one of them decides.",
            subcommands: [VersionCreate.self, VersionList.self, VersionDefault.self])
    }

    struct VersionCreate: ControlCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Store another document under the policy's name.")

        @Argument(help: "The policy's name", completion: Names.policies) var name: String
        @Argument(help: "Its document; - is standard input", completion: .file())
        var file: String
        @Flag(help: "Let it decide from now on") var setDefault = false
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) async throws(FleetError) -> ControlCall {
            ControlCall(
                "CreatePolicyVersion", path: ["policyName": self.name],
                query: ["setAsDefault": String(self.setDefault)],
                body: ["policyDocument": .string(try await TextFile.read(self.file))])
        }

        func tell(_ answer: JSONValue) {
            Terminal.say("\(self.name) has version \(Details.text(answer["policyVersionId"]))")
        }
    }

    struct VersionList: ListingCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Every version of a policy.")

        @Argument(help: "The policy's name", completion: Names.policies) var name: String
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) -> Listing {
            Listing(
                ControlCall("ListPolicyVersions", path: ["policyName": self.name]),
                "policyVersions", .whole,
                [.init("VERSION", "versionId"), .init("DEFAULT", "isDefaultVersion")])
        }
    }

    struct VersionDefault: ControlCommand {
        static let configuration = CommandConfiguration(
            commandName: "default",
            abstract: "Make a version the one that decides; live connections follow.")

        @Argument(help: "The policy's name", completion: Names.policies) var name: String
        @Argument(help: "The version") var version: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            ControlCall(
                "SetDefaultPolicyVersion",
                path: ["policyName": self.name, "policyVersionId": self.version])
        }

        func tell(_ answer: JSONValue) {
            Terminal.say("version \(self.version) of \(self.name) decides")
        }
    }
}
