import ArgumentParser
import CertificateAuthority
import Fleet
import Foundation

extension CACommand {
    struct Backup: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copy the authorities' certificates and encrypted keys to a new folder.",
            discussion: """
                slipway ca backup --to /media/safe/ca-backup

                Keys are copied as they lie there, encrypted; the passphrase is not copied, and \
                belongs in another safe. A root key that is kept elsewhere is not missed, and of a \
                key on a token only the URI is copied: save it with the token's own means. To \
                restore, copy the files back into pki/.
                """)

        @Option(help: "A folder that is not there yet") var to: String
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let installation = try await FleetScan.installation(self.settings)
                let target = Installation.absolute(
                    self.to, in: FileManager.default.currentDirectoryPath)
                guard !PrivateFile.exists(target) else {
                    throw FleetError(.alreadyExists, "'\(target)' is there: name a new folder")
                }
                let manifest = try AuthorityFolder(installation: installation).manifest()
                let files = try Self.files(of: installation, manifest)
                try PrivateFile.makeFolder(target)
                do throws(FleetError) {
                    try PrivateFile.makeFolder("\(target)/profiles")
                    for (name, bytes) in files {
                        try PrivateFile.create("\(target)/\(name)", bytes)
                    }
                } catch {
                    // Half a backup must not pass for one.
                    try? FileManager.default.removeItem(atPath: target)
                    throw error
                }
                for (name, _) in files { Terminal.say(name) }
                Terminal.say(
                    "\(files.count) files are in '\(target)'; the passphrase is not among them")
                for entry in manifest.entries {
                    guard let uri = entry.keyURI else { continue }
                    Terminal.say("the key of \(entry.name) is not among them: it is on \(uri)")
                }
            } catch { throw Failure.exit(error) }
        }

        /// The list, every pair and the profiles, read whole before anything is written; roots'
        /// keys only where they are.
        private static func files(
            of installation: Installation, _ manifest: AuthorityManifest
        ) throws(FleetError) -> [(name: String, bytes: [UInt8])] {
            var paths = [installation.authorities]
            for entry in manifest.entries {
                let key = installation.authorityKey(entry.name)
                if !entry.isAwaited { paths.append(installation.authorityCertificate(entry.name)) }
                guard entry.keyURI == nil else { continue }
                if entry.role == .issuing || PrivateFile.exists(key) { paths.append(key) }
            }
            var files: [(name: String, bytes: [UInt8])] = []
            for path in paths {
                let bytes = try PrivateFile.read(path, as: "the authority's file")
                guard !path.hasSuffix(".key") || Self.isEncrypted(bytes) else {
                    throw FleetError(
                        .invalidRequest,
                        "'\(path)' is no encrypted private key: put the one back that "
                            + "'slipway init' made")
                }
                files.append(((path as NSString).lastPathComponent, bytes))
            }
            let profiles =
                (try? FileManager.default.contentsOfDirectory(atPath: installation.profiles)) ?? []
            for name in profiles.sorted() where name.hasSuffix(ProfileFile.suffix) {
                let bytes = try PrivateFile.read(
                    "\(installation.profiles)/\(name)", as: "the profile")
                files.append(("profiles/\(name)", bytes))
            }
            return files
        }

        private static func isEncrypted(_ key: [UInt8]) -> Bool {
            String(decoding: key, as: UTF8.self)
                .hasPrefix("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        }
    }
}
