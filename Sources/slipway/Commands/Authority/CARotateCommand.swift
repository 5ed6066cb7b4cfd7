import ArgumentParser
import CertificateAuthority
import Fleet
import Foundation
import JSON

extension CACommand {
    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the issuing CA that follows another, from a date on.",
            discussion: """
                slipway ca rotate device-ca --from 2027-01-01
                slipway ca rotate device-ca --key-type p-384 --request-out device-ca-2.csr

                The new one is for what the old one is for, and signs it from that date on. What \
                the old one signed stays valid: it stays trusted, and its CRL and OCSP are signed \
                as before. 'slipway ca retire' is for when it shall never issue again.
                """)

        @Argument(help: "The issuing CA that is followed") var name: String
        @Option(help: "The new one issues from then on; else at once") var from: String?
        @Option(help: "The new one's name; else the old one's with a number") var successor: String?
        @Option(help: "The root that signs it") var under = "root-ca"
        @Option(help: "Write a request to this new file instead of signing here")
        var requestOut: String?
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "The certificate") var options: AuthorityOptions
        @OptionGroup(title: "Settings") var settings: SettingOptions

        func run() async throws {
            do throws(FleetError) {
                let (order, made) = try await AuthorityDesk.run(self.settings) {
                    desk throws(FleetError) in
                    let order = try self.order(desk)
                    guard let file = self.requestOut else {
                        return (order, Optional(try desk.workshop.create(order)))
                    }
                    try desk.workshop.request(order, to: CACommand.absolute(file))
                    return (order, nil)
                }
                guard !self.json else {
                    Terminal.say(CACommand.made(order.name, made, self.requestOut))
                    return try await AuthorityDesk.takeEffect(self.settings, isQuiet: true)
                }
                if let made {
                    AuthorityDesk.tell(order.name, made)
                } else if let file = self.requestOut {
                    Terminal.say("\(file): have it signed where the root is")
                }
                try await AuthorityDesk.takeEffect(self.settings)
            } catch { throw Failure.exit(error) }
        }

        private func order(_ desk: AuthorityDesk) throws(FleetError) -> AuthorityOrder {
            let manifest = try desk.workshop.folder.manifest()
            guard let old = manifest[self.name], old.role == .issuing, !old.isAwaited else {
                throw FleetError(.notFound, "there is no issuing CA '\(self.name.clipped)' here")
            }
            guard !manifest.entries.contains(where: { $0.replaces == old.name }) else {
                throw FleetError(
                    .alreadyExists, "'\(old.name)' is followed already: rotate its successor")
            }
            let certificate = try desk.workshop.folder.certificate(old)
            let name = self.successor ?? Self.successor(of: old.name, in: manifest)
            var profile = try self.options.profile(desk.profiles.authority, named: name)
            if self.options.subject == nil {
                profile.subject = try certificate.successorSubject()
            }
            if self.options.nameConstraints.isEmpty {
                profile.nameConstraints = try certificate.ownNameConstraints()
            }
            var order = AuthorityOrder(
                name: name, uses: old.uses, profile: profile)
            try self.options.choose(for: &order)
            order.begin = try self.from.map { text throws(FleetError) in
                try AuthorityManifest.time(text)
            }
            if let before = old.begin,
                (order.begin ?? desk.workshop.clock.now) <= before
            {
                throw FleetError(
                    .invalidRequest,
                    "it would not issue after \(before), from when '\(old.name)' does: of two, the "
                        + "one that began last issues; name a later --from")
            }
            order.replaces = old.name
            order.root = self.under
            return order
        }

        /// `device-ca`, `device-ca-2`, `device-ca-3`.
        private static func successor(
            of name: String, in manifest: AuthorityManifest
        ) -> String {
            var stem = name
            if let dash = name.lastIndex(of: "-"), Int(name[name.index(after: dash)...]) != nil {
                stem = String(name[..<dash])
            }
            var number = 2
            while manifest["\(stem)-\(number)"] != nil { number += 1 }
            return "\(stem)-\(number)"
        }
    }

    struct Retire: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have an issuing CA never issue again.",
            discussion: """
                slipway ca retire device-ca

                What it signed stays valid, and its CRL and OCSP are signed as before, so its key \
                stays here. Refused for the only one that is for something.
                """)

        @Argument(help: "The issuing CA") var name: String
        @OptionGroup(title: "Settings") var settings: SettingOptions

        func run() async throws {
            do throws(FleetError) {
                try await AuthorityDesk.run(self.settings) { desk throws(FleetError) in
                    try desk.workshop.retire(self.name)
                }
                Terminal.say("\(self.name) is retired")
                try await AuthorityDesk.takeEffect(self.settings)
            } catch { throw Failure.exit(error) }
        }
    }
}
