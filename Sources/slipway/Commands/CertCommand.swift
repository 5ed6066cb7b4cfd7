import ArgumentParser
import ControlPlane
import Fleet
import JSON

struct CertCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cert",
        abstract: "Certificates: where each came from, and whether it may still speak.",
        subcommands: [
            List.self, Show.self, Revoke.self, Deactivate.self, Activate.self,
            Create.self, Register.self, Delete.self, Things.self, Policies.self, Authorities.self,
            AuthorityCommand.self, ProviderCommand.self, Expiring.self, Lint.self, Sample.self,
            Measure.self,
            MeasureIssue.self,
        ])
}

extension CertCommand {
    struct List: ListingCommand {
        static let configuration = CommandConfiguration(
            abstract: "Every certificate, or those that --where names.",
            discussion: """
                slipway cert list --where 'status=ACTIVE and kind=device'
                slipway cert list --where 'claim=line-4 and issued between 14:05 and 15:30'

                Fields of --where are those of 'slipway cert revoke': claim, line, station, lot, \
                template, version, hook, issuer, key, weakness, group, kind, and 'issued between \
                A and B', joined by ' and '; and here also status.
                """)

        @Option(
            name: .customLong("where"), help: "FIELD=VALUE, joined by ' and '")
        var filter: String?
        @Flag(help: "List everything, which is done without it too") var pageAll = false
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) throws(FleetError) -> Listing {
            Listing(
                ControlCall("ListCertificateRecords", query: ["where": self.filter]),
                "certificates", .after(sized: true),
                [
                    .init("CERTIFICATE", "certificateId"), .init("KIND", "kind"),
                    .init("STATUS", "status"), .init("CREATED", "createdAt"),
                    .init("SUBJECT", "subject"),
                ])
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "One certificate with its whole provenance.")

        @Argument(help: "The certificate id: 64 hex digits") var id: String
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let access = try await ControlAccess.open(self.settings)
                let description = try await access.perform(
                    "DescribeCertificateRecord", path: try CertCommand.path(self.id))
                guard !self.json else { return Terminal.say(description) }
                Details.say(description)
            } catch { throw Failure.exit(error) }
        }
    }

    struct Deactivate: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a certificate INACTIVE; its live connections are dropped.")

        @Argument(help: "The certificate id: 64 hex digits") var id: String
        @Option(help: "Why, for the audit log") var reason: String?
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            try CertCommand.setting("INACTIVE", of: self.id, self.reason)
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.id) is INACTIVE") }
    }

    struct Activate: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a certificate ACTIVE that is not revoked.")

        @Argument(help: "The certificate id: 64 hex digits") var id: String
        @Option(help: "Why, for the audit log") var reason: String?
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            try CertCommand.setting("ACTIVE", of: self.id, self.reason)
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.id) is ACTIVE") }
    }

    /// Judged before it becomes part of a path.
    private static func path(_ id: String) throws(FleetError) -> [String: String] {
        ["certificateId": try CertificateID(id).rawValue]
    }

    private static func setting(
        _ status: JSONValue, of id: String, _ reason: String?
    ) throws(FleetError) -> ControlCall {
        ControlCall(
            "SetCertificateStatus", path: try Self.path(id),
            body: .present(("status", status), ("reason", reason.map { .string($0) })))
    }
}
