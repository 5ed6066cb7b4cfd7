import ArgumentParser
import CertificateAuthority
import Crypto
import Fleet
import Foundation
import JSON

extension CACommand {
    struct Ceremony: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a root and its issuing CAs by one reviewed file, with a transcript.",
            discussion: """
                slipway ca ceremony acme.yaml --rehearse --transcript rehearsal.json
                slipway ca ceremony acme.yaml --transcript transcript.json

                The transcript has the SHA-256 of the file that was followed, and of every \
                certificate, public key and file that was made, and the linter's findings. A \
                rehearsal does all of it with keys of its own in a folder that is gone \
                afterwards. Only a folder without authorities is founded; 'slipway init' makes \
                the rest.
                """)

        @Argument(help: "The ceremony's file, in YAML") var file: String
        @Option(help: "A file that is not there yet, for the transcript") var transcript: String
        @Flag(help: "Make everything in a folder that is removed again") var rehearse = false
        @OptionGroup(title: "Settings") var settings: SettingOptions

        func run() async throws {
            do throws(FleetError) {
                let target = CACommand.absolute(self.transcript)
                guard !PrivateFile.exists(target) else {
                    throw FleetError(
                        .alreadyExists, "'\(target)' is there: name a new file for the transcript")
                }
                let bytes = try PrivateFile.read(
                    CACommand.absolute(self.file), as: "the ceremony's file")
                let transcript =
                    self.rehearse
                    ? try await self.rehearsed(bytes)
                    : try await AuthorityDesk.run(self.settings, isFounding: true) {
                        desk throws(FleetError) in
                        // Whatever the file has wrong is found before anything is made: half a
                        // hierarchy could be neither finished nor founded again.
                        _ = try Self.rehearsal(beside: desk.installation) {
                            workshop throws(FleetError) in
                            try self.perform(bytes, desk.profiles, workshop, isRehearsal: true)
                        }
                        return try self.perform(
                            bytes, desk.profiles, desk.workshop, isRehearsal: false)
                    }
                let text = JSONPrinter.bytes(transcript, style: .pretty) + [UInt8(ascii: "\n")]
                try PrivateFile.create(target, text)
                self.tell(transcript)
                Terminal.say("transcript  \(target)")
                Terminal.say("  SHA-256   \(SHA256.hash(data: text).hex)")
            } catch { throw Failure.exit(error) }
        }

        private func perform(
            _ bytes: [UInt8], _ profiles: CertificateProfiles, _ workshop: AuthorityWorkshop,
            isRehearsal: Bool
        ) throws(FleetError) -> JSONValue {
            let file: CeremonyFile
            do throws(FleetError) { file = try CeremonyFile(bytes, profiles: profiles) } catch {
                throw FleetError(.invalidRequest, "'\(self.file)', \(error.message)")
            }
            return try RootCeremony(file: file, workshop: workshop, isRehearsal: isRehearsal)
                .run()
        }

        private func rehearsed(_ bytes: [UInt8]) async throws(FleetError) -> JSONValue {
            let settings = try await self.settings.resolve()
            CoreFiles.forbid()
            return try Self.rehearsal(beside: Installation(settings)) {
                workshop throws(FleetError) in
                let profiles = ProfileFolder(settings, workshop.folder.installation)
                _ = try profiles.writeShipped()
                return try self.perform(
                    bytes, try profiles.load(), workshop, isRehearsal: true)
            }
        }

        /// With a passphrase that nobody knows, in a folder that nobody finds again.
        private static func rehearsal(
            beside installation: Installation,
            _ body: (AuthorityWorkshop) throws(FleetError) -> JSONValue
        ) throws(FleetError) -> JSONValue {
            let entropy = SystemEntropy()
            let folder =
                NSTemporaryDirectory() + "slipway-rehearsal-" + entropy.bytes(count: 8).hex
            try PrivateFile.makeFolder(folder)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            return try body(
                AuthorityWorkshop(
                    folder: AuthorityFolder(installation: installation.with(pki: folder)),
                    passphrase: Secret(WipedBytes(Array(entropy.bytes(count: 24).hex.utf8))),
                    clock: SystemClock()))
        }

        private func tell(_ transcript: JSONValue) {
            if self.rehearse { Terminal.say("REHEARSAL: nothing of this is kept") }
            for step in transcript["steps"]?.arrayValue ?? [] {
                let name = step["name"]?.stringValue ?? ""
                Terminal.say("\(name)  \(step["subject"]?.stringValue ?? "")")
                Terminal.say("  SHA-256   \(step["certificateSHA256"]?.stringValue ?? "")")
                for finding in step["lint"]?.arrayValue ?? [] {
                    Terminal.say("  lint: \(finding.stringValue ?? "")")
                }
            }
        }
    }
}
