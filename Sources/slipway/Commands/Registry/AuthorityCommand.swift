import ArgumentParser
import Fleet
import JSON

/// `slipway cert authority`: CAs that sign devices' certificates elsewhere.
struct AuthorityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "authority", abstract: "Registered authorities: CAs that sign elsewhere.",
        discussion: """
            A CA is registered with proof that its key is held: a certificate that it signed, \
            whose common name is what 'slipway cert authority code' prints; or with --sni-only.
            """,
        subcommands: [Code.self, Register.self, Show.self, Update.self, Delete.self])

    struct Code: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "The registration code, to be signed as proof.")

        @Flag(help: "Forget the code; the next one asked for is another") var forget = false
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            ControlCall(self.forget ? "DeleteRegistrationCode" : "GetRegistrationCode")
        }

        func tell(_ answer: JSONValue) {
            Terminal.say(answer["registrationCode"]?.stringValue ?? "the code is forgotten")
        }
    }

    struct Register: ControlCommand {
        static let configuration = CommandConfiguration(abstract: "Bring in an authority.")

        @Argument(help: "Its certificate in PEM", completion: .file()) var file: String
        @Option(help: "The proof: a certificate that it signed, in PEM", completion: .file())
        var proof: String?
        @Flag(help: "Without proof; devices must then name the service by SNI") var sniOnly = false
        @Flag(help: "Make it ACTIVE") var active = false
        @Flag(help: "Register its devices when they first connect") var autoRegistration = false
        @Option(help: "A template of type JITP for those devices") var template: String?
        @OptionGroup var options: CommandOptions

        func validate() throws {
            guard (self.proof == nil) == self.sniOnly else {
                throw ValidationError("give either --proof FILE or --sni-only")
            }
        }

        func call(_ access: ControlAccess) async throws(FleetError) -> ControlCall {
            var body: JSONObject = [
                "caCertificate": .string(try await TextFile.read(self.file)),
                "certificateMode": self.sniOnly ? "SNI_ONLY" : "DEFAULT",
            ]
            if let proof = self.proof {
                body["verificationCertificate"] = .string(try await TextFile.read(proof))
            }
            if let template = self.template {
                body["registrationConfig"] = ["templateName": .string(template)]
            }
            return ControlCall(
                "RegisterCACertificate",
                query: [
                    "setAsActive": String(self.active),
                    "allowAutoRegistration": String(self.autoRegistration),
                ], body: body)
        }
    }

    struct Show: ControlCommand {
        static let configuration = CommandConfiguration(abstract: "One authority.")

        @Argument(help: "The authority's id: 64 hex digits") var id: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            ControlCall("DescribeCACertificate", path: try AuthorityCommand.path(self.id))
        }
    }

    struct Update: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say whether an authority is honoured, and how its devices come in.")

        @Argument(help: "The authority's id: 64 hex digits") var id: String
        @Option(help: "ACTIVE or INACTIVE", completion: .list(["ACTIVE", "INACTIVE"]))
        var status: String?
        @Option(help: "ENABLE or DISABLE", completion: .list(["ENABLE", "DISABLE"]))
        var autoRegistration: String?
        @Option(help: "A template of type JITP for its devices") var template: String?
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            var body = JSONObject()
            if let template = self.template {
                body["registrationConfig"] = ["templateName": .string(template)]
            }
            return ControlCall(
                "UpdateCACertificate", path: try AuthorityCommand.path(self.id),
                query: [
                    "newStatus": self.status,
                    "newAutoRegistrationStatus": self.autoRegistration,
                ], body: body)
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.id) is updated") }
    }

    struct Delete: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forget an authority that is INACTIVE.")

        @Argument(help: "The authority's id: 64 hex digits") var id: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            ControlCall("DeleteCACertificate", path: try AuthorityCommand.path(self.id))
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.id) is deleted") }
    }

    /// Judged before it becomes part of a path.
    fileprivate static func path(_ id: String) throws(FleetError) -> [String: String] {
        ["caCertificateId": try CertificateID(id).rawValue]
    }
}

extension PolicyCommand {
    struct Test: ListingCommand {
        static let configuration = CommandConfiguration(
            abstract: "Whether a certificate may do something, and by which policies.",
            discussion: """
                slipway policy test CERTIFICATE PUBLISH arn:aws:iot:REGION:ACCOUNT:topic/t/pump-1
                """)

        @Argument(help: "The certificate: its id or ARN") var principal: String
        @Argument(
            help: "CONNECT, PUBLISH, SUBSCRIBE or RECEIVE",
            completion: .list(["CONNECT", "PUBLISH", "SUBSCRIBE", "RECEIVE"]))
        var action: String
        @Argument(help: "The resources' ARNs") var resources: [String]
        @Option(help: "The client id it connects with") var clientId: String?
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) async throws(FleetError) -> Listing {
            Listing(
                ControlCall(
                    "TestAuthorization", query: ["clientId": self.clientId],
                    body: [
                        "principal": .string(try await access.certificate(self.principal)),
                        "authInfos": [
                            [
                                "actionType": .string(self.action),
                                "resources": .array(self.resources.map { .string($0) }),
                            ]
                        ],
                    ]), "authResults", .whole,
                [
                    .init("DECISION", "authDecision"), .init("RESOURCES", "authInfo.resources"),
                    .init("ALLOWED BY") { result in
                        let policies = result.member(at: "allowed.policies")?.arrayValue ?? []
                        return Details.text(.array(policies.compactMap { $0["policyName"] }))
                    },
                ])
        }
    }
}
