import CertificateAuthority
import Fleet
import Foundation

/// `pki/profiles/*.yaml`: how certificates are made.
struct ProfileFolder: Sendable {
    private static let filesMax = 256
    let path: String
    private let defaults: ProfileFile.Defaults

    init(_ settings: ResolvedSettings, _ installation: Installation) {
        self.path = installation.profiles
        self.defaults = ProfileFile.Defaults(
            deviceValiditySeconds: Int64(settings.integer("device.validityDays"))
                * CertificateProfile.daySeconds,
            deviceBackdateSeconds: Int64(settings.integer("device.backdateSeconds")))
    }

    /// Writes the profiles that ship where they are not there.
    /// - Returns: what was written.
    func writeShipped() throws(FleetError) -> [String] {
        try PrivateFile.makeFolder(self.path)
        var made: [String] = []
        for (name, yaml) in ShippedProfiles.all {
            let file = "\(self.path)/\(name)\(ProfileFile.suffix)"
            PrivateFile.sweepUnfinished(file)
            guard !PrivateFile.exists(file) else { continue }
            try PrivateFile.create(file, yaml.utf8)
            made.append("profile \(name)")
        }
        return made
    }

    /// Every profile, read whole or not at all.
    /// - Throws: `FleetError.invalidRequest` naming the file and the line or member that is wrong;
    ///   `.notFound` where one is missing that the service needs.
    func load() throws(FleetError) -> CertificateProfiles {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: self.path) else {
            throw FleetError(
                .notFound,
                "the folder of certificate profiles '\(self.path)' is missing: run 'slipway init', "
                    + "which writes those that ship, or put it back")
        }
        var files: [String: ProfileFile] = [:]
        for file in names.sorted() where !file.hasPrefix(".") {
            guard file.hasSuffix(ProfileFile.suffix), files.count < Self.filesMax else {
                throw FleetError(
                    .invalidRequest,
                    "'\(self.path)/\(file)' is no profile: they end in \(ProfileFile.suffix), and "
                        + "there are \(Self.filesMax) at most")
            }
            let name = String(file.dropLast(ProfileFile.suffix.count))
            let bytes = try PrivateFile.read("\(self.path)/\(file)", as: "the profile")
            do throws(FleetError) {
                files[name] = try ProfileFile(name: name, yaml: bytes, defaults: self.defaults)
            } catch {
                throw FleetError(.invalidRequest, "'\(self.path)/\(file)', \(error.message)")
            }
        }
        return try CertificateProfiles(files, in: self.path)
    }
}

/// The profiles of an installation.
struct CertificateProfiles: Sendable {
    let files: [String: ProfileFile]
    let device: CertificateProfile
    let claim: CertificateProfile
    let server: CertificateProfile
    let authority: CertificateProfile
    let responder: CertificateProfile

    init(_ files: [String: ProfileFile], in path: String) throws(FleetError) {
        func profile(_ name: String, _ use: ProfileFile.Use) throws(FleetError)
            -> CertificateProfile
        {
            guard let file = files[name] else {
                throw FleetError(
                    .notFound,
                    "'\(path)/\(name)\(ProfileFile.suffix)' is missing: put it back, or run "
                        + "'slipway init'")
            }
            guard file.use == use else {
                throw FleetError(
                    .invalidRequest,
                    "'\(path)/\(name)\(ProfileFile.suffix)' is for \(file.use.rawValue); it must "
                        + "be for \(use.rawValue)")
            }
            return file.profile
        }
        self.files = files
        self.device = try profile("device", .device)
        self.claim = try profile("claim", .claim)
        self.server = try profile("server", .server)
        self.authority = try profile("ca", .ca)
        self.responder = try profile("ocsp", .ocsp)
    }

    /// What devices and claims are issued by.
    /// - Parameter publication: where their standing can be asked for.
    func issuing(_ publication: RevocationPublication?) -> IssuingProfiles {
        func published(_ profile: CertificateProfile) -> CertificateProfile {
            var profile = profile
            profile.publication = publication
            return profile
        }
        return IssuingProfiles(
            device: published(self.device), claim: published(self.claim),
            named: self.files.filter { $0.value.use == .device }.mapValues {
                published($0.profile)
            })
    }

    /// A profile that names an issuer which is not there would refuse every device that asks.
    func check(against authorities: IssuingAuthorities) throws(FleetError) {
        for (name, file) in self.files.sorted(by: { $0.key < $1.key }) {
            guard let issuer = file.profile.issuer, authorities[issuer] == nil else { continue }
            throw FleetError(
                .invalidRequest,
                "the profile '\(name)' is issued by '\(issuer)', and there is no such issuing CA")
        }
    }

    /// The gateway's, with its names.
    func server(_ names: [SubjectAlternativeName]) throws(FleetError) -> CertificateProfile {
        let standard = try CertificateProfile.gateway(names)
        var profile = try CertificateProfile(
            role: standard.role, validitySeconds: self.server.validitySeconds,
            backdateSeconds: self.server.backdateSeconds, subject: standard.subject)
        profile.name = self.server.name
        profile.hasNoEnd = self.server.hasNoEnd
        profile.pastIssuer = self.server.pastIssuer
        profile.issuer = self.server.issuer
        profile.keyTypes = self.server.keyTypes
        profile.fixedAttributes = self.server.fixedAttributes
        profile.additions = self.server.additions
        return profile
    }
}
