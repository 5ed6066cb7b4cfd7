import ArgumentParser
import CertificateAuthority
import Fleet
import Foundation
import JSON

/// The authorities that this service signs with, and those that it trusts.
struct CACommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ca",
        abstract: "The certificate authorities: which there are, their chain, a copy of them.",
        discussion: """
            slipway ca list
            slipway ca export > chain.pem
            slipway ca backup --to ca-backup

            Customers' own authorities are managed by 'slipway cert authority'.
            """,
        subcommands: [
            List.self, Show.self, Export.self, Backup.self, RevocationStatusCommand.self,
        ])
}

extension CACommand {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Every authority: own and registered, and which one signs now.",
            discussion: """
                slipway ca list
                slipway ca list --json

                Reads the database itself: the service need not run, and is not disturbed.
                """)

        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let authorities = try await FleetScan.open(self.settings).authorities()
                let installation = try await FleetScan.installation(self.settings)
                let signing = try? PrivateFile.certificate(
                    installation.issuingCertificate, as: "the issuing CA's certificate")
                guard !self.json else {
                    return Terminal.say(
                        .object([
                            "authorities": .array(
                                authorities.map { CACommand.json($0, signing?.id) })
                        ]))
                }
                let rows = authorities.map {
                    [
                        $0.id.rawValue, $0.role.rawValue, $0.status.rawValue,
                        $0.id == signing?.id ? "signs" : "-", $0.notAfter.description, $0.subject,
                    ]
                }
                let header = ["AUTHORITY", "ROLE", "STATUS", "USE", "ENDS", "SUBJECT"]
                for line in Terminal.table([header] + rows) { Terminal.say(line) }
            } catch { throw Failure.exit(error) }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "One authority, with its certificate.",
            discussion: "slipway ca show 6f1e…")

        @Argument(help: "The authority's id, as 'slipway ca list' shows it") var id: String
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let id = try CertificateID(self.id)
                guard let authority = try await FleetScan.open(self.settings).authority(id) else {
                    throw FleetError(
                        .notFound, "there is no CA \(id): 'slipway ca list' shows those there are",
                        resource: id.rawValue)
                }
                let installation = try await FleetScan.installation(self.settings)
                let signing = try? PrivateFile.certificate(
                    installation.issuingCertificate, as: "the issuing CA's certificate")
                let json = CACommand.json(authority, signing?.id)
                guard !self.json else { return Terminal.say(json) }
                Details.say(json)
            } catch { throw Failure.exit(error) }
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The chain that devices are signed under, as PEM: issuing CA, then root.",
            discussion: """
                slipway ca export > chain.pem
                openssl verify -CAfile chain.pem device.pem

                No key leaves: 'slipway ca backup' is for those.
                """)

        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let installation = try await FleetScan.installation(self.settings)
                for file in [installation.issuingCertificate, installation.rootCertificate] {
                    let facts = try PrivateFile.certificate(file, as: "the CA's certificate")
                    Terminal.say(String(facts.pem.dropLast()))
                }
            } catch { throw Failure.exit(error) }
        }
    }

    static func json(_ authority: Authority, _ signing: CertificateID?) -> JSONValue {
        .object([
            "id": .string(authority.id.rawValue), "role": .string(authority.role.rawValue),
            "status": .string(authority.status.rawValue),
            "signs": .bool(authority.id == signing), "subject": .string(authority.subject),
            "publicKeySHA256": .string(authority.publicKey.rawValue),
            "notBefore": .string(authority.notBefore.description),
            "notAfter": .string(authority.notAfter.description),
            "createdAt": .string(authority.createdAt.description),
            "certificatePem": .string(authority.pem),
        ])
    }
}
