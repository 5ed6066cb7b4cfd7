import ArgumentParser
import Fleet
import Foundation
import JSON

extension CertCommand {
    struct Create: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a certificate: with new keys, or for a CSR.",
            discussion: """
                slipway cert create --active --output pump-1
                slipway cert create --active --csr pump-1.csr --output pump-1

                Needs the running service, which signs. With --output the files NAME.pem, \
                NAME.key and NAME.pub are made, which must not be there; the private key is \
                handed out this once.
                """)

        @Option(
            help: "A certificate signing request in PEM; - is standard input", completion: .file())
        var csr: String?
        @Flag(help: "Make it ACTIVE") var active = false
        @Option(help: "Write NAME.pem, and with new keys NAME.key and NAME.pub")
        var output: String?
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) async throws(FleetError) -> ControlCall {
            let query = ["setAsActive": self.active ? "true" : nil]
            guard let csr = self.csr else {
                return ControlCall("CreateKeysAndCertificate", query: query)
            }
            return ControlCall(
                "CreateCertificateFromCsr", query: query,
                body: ["certificateSigningRequest": .string(try await TextFile.read(csr))])
        }

        func run() async throws {
            do throws(FleetError) {
                let files = self.output.map { CertificateFiles(stem: $0) }
                try files?.requireAbsent()
                let access = try await ControlAccess.openRunning(self.options.settings)
                let answer = try await access.perform(try await self.call(access))
                guard let files else {
                    guard !self.options.json else { return Terminal.say(answer) }
                    return Self.tellWhole(answer)
                }
                try files.write(answer)
                guard !self.options.json else {
                    return Terminal.say([
                        "certificateId": answer["certificateId"] ?? .null,
                        "certificateArn": answer["certificateArn"] ?? .null,
                    ])
                }
                Terminal.say(answer["certificateId"]?.stringValue ?? "")
            } catch { throw Failure.exit(error) }
        }

        private static func tellWhole(_ answer: JSONValue) {
            Terminal.say(answer["certificateId"]?.stringValue ?? "")
            for member in ["certificatePem", "keyPair.PublicKey", "keyPair.PrivateKey"] {
                guard let pem = answer.member(at: member)?.stringValue else { continue }
                Terminal.say(pem.trimmingCharacters(in: .newlines))
            }
        }
    }

    struct Register: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bring in a certificate that somebody else signed.",
            discussion: """
                Without --without-ca its authority must be registered. It is INACTIVE unless \
                --active is given.
                """)

        @Argument(help: "The certificate in PEM; - is standard input", completion: .file())
        var file: String
        @Option(help: "The authority's certificate in PEM", completion: .file()) var ca: String?
        @Flag(help: "Its authority is not registered") var withoutCa = false
        @Flag(help: "Make it ACTIVE") var active = false
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) async throws(FleetError) -> ControlCall {
            var body: JSONObject = [
                "certificatePem": .string(try await TextFile.read(self.file)),
                "status": self.active ? "ACTIVE" : "INACTIVE",
            ]
            if let ca = self.ca { body["caCertificatePem"] = .string(try await TextFile.read(ca)) }
            return ControlCall(
                self.withoutCa ? "RegisterCertificateWithoutCA" : "RegisterCertificate",
                body: body)
        }
    }

    struct Delete: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a certificate that is not active and that nothing hangs on.")

        @Argument(help: "The certificate id: 64 hex digits") var id: String
        @Flag(help: "Even where policies are attached") var force = false
        @Flag(help: "Even where policies and things are; the things stay") var cascade = false
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            let path = ["certificateId": try CertificateID(self.id).rawValue]
            guard !self.cascade else { return ControlCall("RemoveCertificate", path: path) }
            return ControlCall(
                "DeleteCertificate", path: path,
                query: ["forceDelete": self.force ? "true" : nil])
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.id) is deleted") }
    }

    struct Things: ListingCommand {
        static let configuration = CommandConfiguration(
            abstract: "The things of a certificate, and how it is attached to each.")

        @Argument(help: "The certificate: its id or ARN") var principal: String
        @OptionGroup var pages: PageOptions
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) async throws(FleetError) -> Listing {
            Listing(
                ControlCall(
                    "ListPrincipalThingsV2",
                    headers: ["x-amzn-principal": try await access.certificate(self.principal)]),
                "principalThingObjects", .token,
                [.init("THING", "thingName"), .init("ATTACHED AS", "thingPrincipalType")])
        }
    }

    struct Policies: ListingCommand {
        static let configuration = CommandConfiguration(abstract: "The policies of a certificate.")

        @Argument(help: "The certificate: its id or ARN") var principal: String
        @OptionGroup var pages: PageOptions
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) async throws(FleetError) -> Listing {
            .attachedPolicies(try await access.certificate(self.principal))
        }
    }

    struct Authorities: ListingCommand {
        static let configuration = CommandConfiguration(
            abstract: "Every registered authority.")

        @Option(name: .customLong("where"), help: "MEMBER:VALUE, such as status:ACTIVE")
        var filter: String?
        @OptionGroup var pages: PageOptions
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) throws(FleetError) -> Listing {
            Listing(
                ControlCall("ListCACertificates"), "certificates", .marker,
                [.init("AUTHORITY", "certificateId"), .init("STATUS", "status")],
                where: try RowFilter(self.filter))
        }
    }
}

/// A new certificate and its keys, in files beside each other.
struct CertificateFiles {
    let stem: String

    private var all: [(path: String, member: String, isSecret: Bool)] {
        [
            ("\(self.stem).key", "keyPair.PrivateKey", true),
            ("\(self.stem).pub", "keyPair.PublicKey", false),
            ("\(self.stem).pem", "certificatePem", false),
        ]
    }

    /// Before a certificate is made whose key there would be no place for.
    func requireAbsent() throws(FleetError) {
        for file in self.all where FileManager.default.fileExists(atPath: file.path) {
            throw FleetError(
                .alreadyExists,
                "'\(file.path)' is there already; nothing was made: give another "
                    + "--output")
        }
    }

    func write(_ answer: JSONValue) throws(FleetError) {
        for file in self.all {
            guard let text = answer.member(at: file.member)?.stringValue else { continue }
            let isWritten = FileManager.default.createFile(
                atPath: file.path, contents: Data(text.utf8),
                attributes: [.posixPermissions: file.isSecret ? 0o600 : 0o644])
            guard isWritten else {
                throw FleetError(.internalFailure, "'\(file.path)' cannot be written")
            }
        }
    }
}
