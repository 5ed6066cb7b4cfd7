import ArgumentParser
import Fleet
import JSON

/// `slipway cert provider`: an operator's own signer.
struct ProviderCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "provider",
        abstract: "A webhook that signs what devices ask for, in the service's place.",
        discussion: """
            slipway hook put signer signer.json
            slipway cert provider create factory --webhook signer

            There is one at most, and all requests that devices send by MQTT go to it.
            """,
        subcommands: [Create.self, List.self, Show.self, Update.self, Delete.self])

    /// Judged before it becomes part of a path.
    fileprivate static func path(_ name: String) throws(FleetError) -> [String: String] {
        ["certificateProviderName": try CertificateProviderName(name).rawValue]
    }

    struct Create: ControlCommand {
        static let configuration = CommandConfiguration(abstract: "Have a webhook sign.")

        @Argument(help: "The provider's name") var name: String
        @Option(help: "The webhook's name, or an ARN that ends in it") var webhook: String
        @Option(help: "A tag, NAME=VALUE; may be given several times") var tag: [NamedValue] = []
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            var body: JSONObject = [
                "lambdaFunctionArn": .string(self.webhook),
                "accountDefaultForOperations": ["CreateCertificateFromCsr"],
            ]
            body["tags"] = self.tag.tags
            return ControlCall(
                "CreateCertificateProvider", path: try ProviderCommand.path(self.name), body: body)
        }
    }

    struct List: ListingCommand {
        static let configuration = CommandConfiguration(abstract: "Every provider.")

        @OptionGroup var rows: RowOptions
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) throws(FleetError) -> Listing {
            Listing(
                ControlCall("ListCertificateProviders"), "certificateProviders", .whole,
                [
                    .init("PROVIDER", "certificateProviderName"),
                    .init("ARN", "certificateProviderArn"),
                ], where: try RowFilter(self.rows.filter))
        }
    }

    struct Show: ControlCommand {
        static let configuration = CommandConfiguration(abstract: "One provider.")

        @Argument(help: "The provider's name") var name: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            ControlCall(
                "DescribeCertificateProvider", path: try ProviderCommand.path(self.name))
        }
    }

    struct Update: ControlCommand {
        static let configuration = CommandConfiguration(abstract: "Have another webhook sign.")

        @Argument(help: "The provider's name") var name: String
        @Option(help: "The webhook's name, or an ARN that ends in it") var webhook: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            ControlCall(
                "UpdateCertificateProvider", path: try ProviderCommand.path(self.name),
                body: ["lambdaFunctionArn": .string(self.webhook)])
        }
    }

    struct Delete: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a provider away; the service signs again.")

        @Argument(help: "The provider's name") var name: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            ControlCall("DeleteCertificateProvider", path: try ProviderCommand.path(self.name))
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.name) is deleted") }
    }
}
