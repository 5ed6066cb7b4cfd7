import ArgumentParser
import CertificateAuthority
import Fleet
import Foundation

extension AuthorityKeyKind: ExpressibleByArgument {}
extension AuthorityUse: ExpressibleByArgument {}

/// How an authority's certificate is to be made, where it is not as `pki/profiles/ca.yaml` has it.
struct AuthorityOptions: ParsableArguments {
    @Option(
        help: """
            Where its key is on a token, such as 'pkcs11:token=slipway;object=device-ca'; else a \
            key is made and kept encrypted in pki/
            """)
    var key: String?
    @Option(help: "Of the key that is made: p-256, p-384, rsa-3072, rsa-4096 or ed25519")
    var keyType: AuthorityKeyKind?
    @Option(help: "Its subject, such as 'CN=Acme Device CA,O=Acme'")
    var subject: String?
    @Option(help: "How many days it is valid; never beyond its root's end")
    var days: Int?
    @Flag(help: "Valid without an end, until 9999-12-31 (IEEE 802.1AR)")
    var noEnd = false
    @Option(
        name: .customLong("name-constraint"),
        help: """
            permit: or exclude:, then dns:NAME, ip:ADDRESS/BITS or name:ATTRIBUTE=VALUE,…; again \
            for each
            """)
    var nameConstraints: [String] = []

    /// Puts into `order` what was asked for of the key.
    func choose(for order: inout AuthorityOrder) throws(FleetError) {
        guard self.key == nil || self.keyType == nil else {
            throw FleetError(
                .invalidRequest, "--key names a key that is there: --key-type does not go with it")
        }
        order.key = self.keyType ?? .p256
        if let text = self.key { order.keyURI = try KeyURI(text) }
    }

    /// `base` with what was asked for.
    func profile(
        _ base: CertificateProfile, named name: String
    ) throws(FleetError) -> CertificateProfile {
        var profile = base
        profile.subject = try SubjectName(parsing: self.subject ?? "CN=Slipway \(name)")
        if let days = self.days {
            guard days >= 1, Int64(days) <= CertificateProfile.validitySecondsMax / 86_400,
                !self.noEnd
            else {
                throw FleetError(
                    .invalidRequest, "--days is a number of days from 1, and not with --no-end")
            }
            profile.validitySeconds = Int64(days) * CertificateProfile.daySeconds
            profile.hasNoEnd = false
        }
        if self.noEnd {
            profile.hasNoEnd = true
            // An identity without an end under a CA that ends would be a lie.
            profile.pastIssuer = .refuse
        }
        if !self.nameConstraints.isEmpty {
            profile.nameConstraints = try NameConstraints(parsing: self.nameConstraints)
        }
        return profile
    }
}

/// What the commands that make authorities begin with: settings, passphrase, profiles, and the lock
/// on `pki/` until they are done.
struct AuthorityDesk {
    let installation: Installation
    let workshop: AuthorityWorkshop
    let profiles: CertificateProfiles

    /// - Parameter isFounding: a folder with nothing in it is where a root may be made.
    static func run<Result>(
        _ options: SettingOptions, isFounding: Bool = false,
        _ body: (AuthorityDesk) throws(FleetError) -> Result
    ) async throws(FleetError) -> Result {
        let settings = try await options.resolve()
        CoreFiles.forbid()
        let initialization = try Initialization(settings)
        let installation = initialization.installation
        guard isFounding || PrivateFile.exists(installation.authorities) else {
            throw FleetError(
                .notFound,
                "there are no authorities in '\(installation.pki)': run 'slipway init' first, or "
                    + "name the folder with --directory")
        }
        let passphrase = try initialization.passphrase()
        let lock = try PrivateFile.lock(installation.pki)
        defer { close(lock) }
        let folder = ProfileFolder(settings, installation)
        if isFounding { _ = try folder.writeShipped() }
        return try body(
            AuthorityDesk(
                installation: installation,
                workshop: AuthorityWorkshop(
                    folder: AuthorityFolder(
                        installation: installation,
                        tokens: try TokenParts.tokens(
                            settings, installation,
                            pin: try TokenParts.pin(settings, installation))),
                    passphrase: passphrase, clock: SystemClock()), profiles: try folder.load()))
    }

    /// The last step of what changes the list: a service that runs reads it anew.
    /// - Throws: `FleetError` where it cannot: what was made is made, and it goes on as before.
    static func takeEffect(
        _ options: SettingOptions, isQuiet: Bool = false
    ) async throws(FleetError) {
        let installation = Installation(try await options.resolve())
        guard let client = await ControlClient.connect(socket: installation.controlSocket) else {
            if !isQuiet { Terminal.say("no service runs here; it knows it when it starts") }
            return
        }
        do throws(FleetError) {
            _ = try await ControlAccess.service(client).perform("ReloadAuthorities")
        } catch {
            throw FleetError(
                error.code,
                "it is done, but the service that runs goes on with what it had: "
                    + "\(error.message)", resource: error.resource)
        }
        if !isQuiet { Terminal.say("the service that runs has taken it in") }
    }

    static func tell(_ name: String, _ certificate: CertificateFacts) {
        Terminal.say("\(name)  \(certificate.subject)")
        Terminal.say("  SHA-256  \(certificate.id)")
        Terminal.say("  valid    \(certificate.notBefore) to \(certificate.notAfter)")
    }
}
