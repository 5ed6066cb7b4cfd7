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
            slipway ca init
            slipway ca list
            slipway ca export > chain.pem
            slipway ca create device-ca --for devices
            slipway ca rotate device-ca --from 2027-01-01
            slipway ca backup --to ca-backup

            Customers' own authorities are managed by 'slipway cert authority'.
            """,
        subcommands: [
            // The same under both names: without authorities there is nothing to initialize.
            InitCommand.self, List.self, Show.self, Create.self, Rotate.self, Retire.self,
            Ceremony.self, Sign.self,
            Accept.self, Reload.self,
            Export.self, Backup.self, RevocationStatusCommand.self,
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
                let authorities = try await FleetScan.open(self.settings).store.authorities()
                let installation = try await FleetScan.installation(self.settings)
                let roster = try AuthorityRoster(installation, at: SystemClock().now)
                guard !self.json else {
                    return Terminal.say(
                        .object(["authorities": .array(authorities.map { roster.json($0) })]))
                }
                let rows = authorities.map { authority in
                    let use = roster.use(of: authority.id)
                    return [
                        authority.id.rawValue, use?.name ?? "-", authority.role.rawValue,
                        authority.status.rawValue, use?.text ?? "-",
                        authority.notAfter.description, authority.subject,
                    ]
                }
                let header = ["AUTHORITY", "NAME", "ROLE", "STATUS", "SIGNS", "ENDS", "SUBJECT"]
                for line in Terminal.table([header] + rows) { Terminal.say(line) }
                for (name, uri) in roster.keysOnTokens {
                    Terminal.say("the key of \(name) is on a token: \(uri)")
                }
            } catch { throw Failure.exit(error) }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "One authority, with its certificate.",
            discussion: """
                slipway ca show issuing-ca
                slipway ca show 6f1e…
                """)

        @Argument(help: "Its name or its id, as 'slipway ca list' shows them") var authority: String
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let installation = try await FleetScan.installation(self.settings)
                let roster = try AuthorityRoster(installation, at: SystemClock().now)
                let id: CertificateID
                if let named = roster.id(of: self.authority) {
                    id = named
                } else {
                    id = try CertificateID(self.authority)
                }
                guard let authority = try await FleetScan.open(self.settings).authority(id) else {
                    throw FleetError(
                        .notFound, "there is no CA \(id): 'slipway ca list' shows those there are",
                        resource: id.rawValue)
                }
                let json = roster.json(authority)
                guard !self.json else { return Terminal.say(json) }
                Details.say(json)
            } catch { throw Failure.exit(error) }
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "The chain that certificates are signed under, as PEM: issuing CA, then root.",
            discussion: """
                slipway ca export > chain.pem
                slipway ca export device-ca > chain.pem
                slipway ca export --all > trusted.pem
                openssl verify -CAfile chain.pem device.pem

                Without a name, of the CA that signs devices now; with --all, every CA whose \
                certificates are honoured. No key leaves: 'slipway ca backup' is for those.
                """)

        @Argument(help: "An issuing CA's name") var name: String?
        @Flag(help: "Every authority, roots first") var all = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let installation = try await FleetScan.installation(self.settings)
                let folder = AuthorityFolder(installation: installation)
                let manifest = try folder.manifest()
                guard !self.all else {
                    return Terminal.say(String(try folder.trustAnchors(manifest).dropLast()))
                }
                let roster = try AuthorityRoster(installation, at: SystemClock().now)
                guard let name = self.name ?? roster.current(.devices)?.name,
                    let entry = manifest[name], entry.role == .issuing, !entry.isAwaited
                else {
                    throw FleetError(
                        .notFound,
                        "there is no issuing CA '\(self.name ?? "for devices")': 'slipway ca list' "
                            + "shows those there are")
                }
                let issuing = try folder.certificate(entry)
                Terminal.say(String(issuing.pem.dropLast()))
                for root in try folder.roots(manifest)
                where issuing.isSigned(by: root.certificate) {
                    return Terminal.say(String(root.certificate.pem.dropLast()))
                }
                throw FleetError(
                    .invalidRequest, "the root that signed '\(name)' is not here: put it back")
            } catch { throw Failure.exit(error) }
        }
    }
}
