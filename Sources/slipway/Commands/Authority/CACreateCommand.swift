import ArgumentParser
import CertificateAuthority
import Fleet
import Foundation
import JSON

extension CACommand {
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make another issuing CA, or a root.",
            discussion: """
                slipway ca create device-ca --for devices --key-type p-384
                slipway ca create plant-ca --name-constraint permit:name:O=Acme
                slipway ca create device-ca --for devices --request-out device-ca.csr
                slipway ca create root-ca --root --key-type rsa-4096 --days 10950
                slipway ca create device-ca --key 'pkcs11:token=slipway;object=device-ca'

                An issuing CA signs what --for says, from when it is made or from --from on; \
                without --for, only what a certificate profile or a template names it for. With \
                --request-out its key stays here and the request goes to a root that is kept \
                elsewhere ('slipway ca sign' there, 'slipway ca accept' here).
                """)

        @Argument(help: "Its name: a-z, 0-9 and -") var name: String
        @Option(name: .customLong("for"), help: "claims, devices or servers; again for each")
        var uses: [AuthorityUse] = []
        @Option(help: "It issues from then on, such as 2027-01-01 or 2027-01-01T06:00:00Z")
        var from: String?
        @Flag(help: "Make a root, which signs issuing CAs and nothing else") var root = false
        @Option(help: "The root that signs it") var under = "root-ca"
        @Option(help: "Write a request to this new file instead of signing here")
        var requestOut: String?
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "The certificate") var options: AuthorityOptions
        @OptionGroup(title: "Settings") var settings: SettingOptions

        func run() async throws {
            do throws(FleetError) {
                let made = try await AuthorityDesk.run(
                    self.settings, isFounding: self.root
                ) { desk throws(FleetError) in try self.make(desk) }
                guard !self.json else {
                    Terminal.say(CACommand.made(self.name, made, self.requestOut))
                    if !self.root {
                        try await AuthorityDesk.takeEffect(self.settings, isQuiet: true)
                    }
                    return
                }
                if let made {
                    AuthorityDesk.tell(self.name, made)
                } else if let file = self.requestOut {
                    Terminal.say("\(file): have it signed where the root is")
                }
                if !self.root { try await AuthorityDesk.takeEffect(self.settings) }
            } catch { throw Failure.exit(error) }
        }

        /// - Returns: nil where a request went out.
        private func make(_ desk: AuthorityDesk) throws(FleetError) -> CertificateFacts? {
            guard !self.root || (self.uses.isEmpty && self.from == nil && self.requestOut == nil)
            else {
                throw FleetError(
                    .invalidRequest, "--root goes with neither --for nor --from nor --request-out")
            }
            let base = self.root ? CertificateProfile.rootAuthority : desk.profiles.authority
            var order = AuthorityOrder(
                name: self.name, uses: Set(self.uses),
                profile: try self.options.profile(base, named: self.name))
            try self.options.choose(for: &order)
            order.begin = try self.from.map { text throws(FleetError) in
                try AuthorityManifest.time(text)
            }
            order.root = self.under
            if self.root {
                guard order.profile.nameConstraints == nil else {
                    throw FleetError(.invalidRequest, "a root takes no name constraints")
                }
                return try desk.workshop.makeRoot(order)
            }
            if let file = self.requestOut {
                try desk.workshop.request(order, to: CACommand.absolute(file))
                return nil
            }
            return try desk.workshop.create(order)
        }
    }

    static func absolute(_ file: String) -> String {
        Installation.absolute(file, in: FileManager.default.currentDirectoryPath)
    }

    static func made(
        _ name: String, _ certificate: CertificateFacts?, _ request: String?
    ) -> JSONValue {
        guard let certificate else {
            return ["name": .string(name), "request": request.map { .string($0) } ?? nil]
        }
        return [
            "name": .string(name), "id": .string(certificate.id.rawValue),
            "subject": .string(certificate.subject),
            "notBefore": .string(certificate.notBefore.description),
            "notAfter": .string(certificate.notAfter.description),
            "certificatePem": .string(certificate.pem),
        ]
    }
}
