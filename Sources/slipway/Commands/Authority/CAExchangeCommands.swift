import ArgumentParser
import CertificateAuthority
import Fleet
import Foundation
import JSON

extension CACommand {
    struct Sign: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Where the root is: sign an issuing CA's request.",
            discussion: """
                slipway ca sign device-ca.csr --out device-ca.pem --days 3650

                The file that it writes holds the certificate and the root's. Tell the root's \
                SHA-256 to whoever accepts it, by another way than the file's.
                """)

        @Argument(help: "The request's file") var request: String
        @Option(help: "A file that is not there yet") var out: String
        @Option(help: "The root that signs it") var under = "root-ca"
        @Option(help: "How many days it is valid; never beyond its root's end") var days: Int?
        @Flag(help: "Valid without an end, until 9999-12-31 (IEEE 802.1AR)") var noEnd = false
        @Option(
            name: .customLong("name-constraint"),
            help: "As 'slipway ca create' takes them; again for each")
        var nameConstraints: [String] = []
        @OptionGroup(title: "Settings") var settings: SettingOptions

        func run() async throws {
            do throws(FleetError) {
                let signed = try await AuthorityDesk.run(self.settings) {
                    desk throws(FleetError) in
                    var options = AuthorityOptions()
                    options.subject = nil
                    options.days = self.days
                    options.noEnd = self.noEnd
                    options.nameConstraints = self.nameConstraints
                    let pem = String(
                        decoding: try PrivateFile.read(
                            CACommand.absolute(self.request), as: "the request"), as: UTF8.self)
                    let signed = try desk.workshop.sign(
                        requestPEM: pem,
                        try options.profile(desk.profiles.authority, named: "issuing CA"),
                        root: self.under)
                    try PrivateFile.create(
                        CACommand.absolute(self.out), (signed.issued.pem + signed.root.pem).utf8)
                    return signed
                }
                AuthorityDesk.tell(self.out, signed.issued)
                AuthorityDesk.tell(self.under, signed.root)
            } catch { throw Failure.exit(error) }
        }
    }

    struct Accept: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take in the certificate that a root elsewhere made of a request.",
            discussion: """
                slipway ca accept device-ca.pem
                slipway ca accept issuing-ca.pem --root-sha256 6f1e…

                A root that is not known here yet is accepted only with the SHA-256 of its \
                certificate, as its keepers say it is. What this service's linter would not have \
                signed is told, and accepted: others sign by other rules.
                """)

        @Argument(help: "A PEM file: the certificate, and its root where that is new")
        var file: String
        @Option(name: .customLong("root-sha256"), help: "The new root's SHA-256, in hex")
        var rootDigest: String?
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: SettingOptions

        func run() async throws {
            do throws(FleetError) {
                let accepted = try await AuthorityDesk.run(self.settings) {
                    desk throws(FleetError) in
                    try desk.workshop.accept(
                        try CertificateFile.read(CACommand.absolute(self.file)),
                        rootDigest: self.rootDigest)
                }
                guard !self.json else {
                    Terminal.say(
                        .object([
                            "name": .string(accepted.name),
                            "id": .string(accepted.certificate.id.rawValue),
                            "newRoot": accepted.newRoot.map { .string($0) } ?? nil,
                            "findings": .array(accepted.findings.map { .string($0) }),
                        ]))
                    return try await AuthorityDesk.takeEffect(self.settings, isQuiet: true)
                }
                AuthorityDesk.tell(accepted.name, accepted.certificate)
                if let root = accepted.newRoot { Terminal.say("its root is here as \(root)") }
                for finding in accepted.findings { Terminal.say("lint: \(finding)") }
                Terminal.say("'slipway init' makes what is missing before a first start")
                try await AuthorityDesk.takeEffect(self.settings)
            } catch { throw Failure.exit(error) }
        }
    }
}
