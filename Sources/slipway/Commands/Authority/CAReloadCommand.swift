import ArgumentParser
import Fleet
import JSON

extension CACommand {
    struct Reload: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have the running service read pki/ anew.",
            discussion: """
                slipway ca reload

                The commands that change the list of authorities do this themselves. It is for \
                what was changed by hand: 'pki/authorities.json', a profile, the gateway's own \
                certificate. Whatever does not hold is told, and the service goes on with what it \
                had. It reads the passphrase of the CA keys from its file again; where that came \
                by a descriptor or the environment, start the service anew.
                """)

        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let answer = try await ControlAccess.openRunning(self.settings)
                    .perform("ReloadAuthorities")
                guard !self.json else { return Terminal.say(answer) }
                let rows = (answer["authorities"]?.arrayValue ?? []).map { authority in
                    [
                        authority["name"]?.stringValue ?? "-",
                        authority["retired"]?.boolValue == true ? "retired" : "-",
                        authority["id"]?.stringValue ?? "-",
                    ]
                }
                for line in Terminal.table([["NAME", "RETIRED", "SHA-256"]] + rows) {
                    Terminal.say(line)
                }
            } catch { throw Failure.exit(error) }
        }
    }
}
