import ArgumentParser
import CertificateAuthority
import Fleet
import Foundation

extension CertCommand {
    struct Sample: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make certificates of a profile to look at, under authorities of no worth.",
            discussion: """
                slipway cert sample idevid --output samples
                slipway cert sample --count 1000 --output samples

                For each profile of pki/profiles (or those named) one file of certificates, whose \
                subjects, keys and issuers vary, and authorities.pem with the CAs that signed \
                them. Those CAs' keys are kept nowhere, and nothing is entered in the registry. \
                What has passed the linter is written; a profile that it does not let pass is an \
                error.
                """)

        private static let countMax = 100_000

        @Argument(help: "Profiles, by the names of their files; without any, all of them")
        var profiles: [String] = []
        @Option(help: "Certificates of each") var count = 1
        @Option(help: "A folder that is not there yet") var output: String
        @OptionGroup(title: "Settings") var settings: SettingOptions

        func validate() throws {
            guard (1...Self.countMax).contains(self.count) else {
                throw ValidationError("--count takes 1 to \(Self.countMax)")
            }
        }

        func run() async throws {
            do throws(FleetError) {
                let settings = try await self.settings.resolve()
                let installation = Installation(settings)
                let found = try ProfileFolder(settings, installation).load()
                let folder = CACommand.absolute(self.output)
                guard !PrivateFile.exists(folder) else {
                    throw FleetError(.alreadyExists, "'\(folder)' is there: name a new folder")
                }
                let wanted = self.profiles.isEmpty ? found.files.keys.sorted() : self.profiles
                for name in wanted where found.files[name] == nil {
                    throw FleetError(
                        .notFound,
                        "there is no profile '\(name.clipped)' in '\(installation.profiles)'")
                }
                let publication = try RevocationParts.publication(settings)
                var samples = try ProfileSamples(at: SystemClock().now, entropy: SystemEntropy())
                try PrivateFile.makeFolder(folder)
                try PrivateFile.create("\(folder)/authorities.pem", samples.authorities.utf8)
                for name in wanted {
                    try self.write(
                        try Self.profile(name, of: found, publication), as: name, in: folder,
                        &samples)
                }
            } catch { throw Failure.exit(error) }
        }

        private func write(
            _ profile: CertificateProfile, as name: String, in folder: String,
            _ samples: inout ProfileSamples
        ) throws(FleetError) {
            var meter = ScanMeter()
            var text = ""
            for index in 0..<self.count {
                do throws(FleetError) {
                    text += try samples.certificate(profile, index: index)
                } catch {
                    meter.clear()
                    throw FleetError(error.code, "profile '\(name)': \(error.message)")
                }
                meter.show(index + 1, of: self.count, name)
            }
            meter.clear()
            try PrivateFile.create("\(folder)/\(name).pem", text.utf8)
            Terminal.say("\(folder)/\(name).pem  \(self.count)")
        }

        private static func profile(
            _ name: String, of profiles: CertificateProfiles, _ publication: RevocationPublication?
        ) throws(FleetError) -> CertificateProfile {
            guard let file = profiles.files[name] else { return profiles.device }
            switch file.use {
            case .device, .claim:
                var profile = file.profile
                profile.publication = publication
                return profile
            case .server:
                return try profiles.server([
                    try SubjectAlternativeName("gateway.example.com"),
                    try SubjectAlternativeName("192.0.2.1"),
                ])
            case .ca, .ocsp: return file.profile
            }
        }
    }
}
