import ArgumentParser
import CertificateAuthority
import Fleet
import Foundation
import JSON

struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make the authorities, a demo claim, and the database; load templates and hooks.",
        discussion: """
            Running it again makes what is missing and changes nothing that is there. The \
            passphrase of the CA keys comes from --pki-passphrase-descriptor, \
            SLIPWAY_CA_PASSPHRASE or --pki-passphrase-file; without any of them one is made and \
            kept in pki/ca.passphrase.

            With --offline-root no root is made here: the issuing CA's key is, and a request in \
            pki/issuing-ca.csr, to be signed where the root is kept ('slipway ca sign'). After \
            'slipway ca accept' run init again.
            """)

    @Flag(help: "Keep the root elsewhere: make a request for it to sign") var offlineRoot = false
    @Flag(help: "Print what was made as JSON") var json = false
    @OptionGroup(title: "Settings") var settings: SettingOptions

    func run() async throws {
        do throws(FleetError) {
            let settings = try await self.settings.resolve()
            CoreFiles.forbid()
            let initialization = try Initialization(settings)
            let report = try await initialization.run(
                passphrase: try initialization.passphrase(),
                pin: try TokenParts.pin(settings, initialization.installation),
                isRootElsewhere: self.offlineRoot)
            if self.json { Terminal.say(report.json) } else { report.tell() }
        } catch { throw Failure.exit(error) }
    }
}
