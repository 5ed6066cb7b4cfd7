import ArgumentParser
import Fleet
import JSON

/// What the running gateway measured of its own revocations.
struct RevocationStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "How soon revocations closed their live connections.",
        discussion: """
            Milliseconds from the commit that took a certificate's right away to the closed \
            sockets of its connections, measured by the running service since its start: the last \
            commit's last socket, 99 of a hundred of the latest 4096 sockets, and the slowest. \
            The same of the canary, a connection of the service's own that it closes in this way \
            every revocation.canarySeconds.

            slipway ca status --json
            """)

    @Flag(help: "Print JSON") var json = false
    @OptionGroup(title: "Settings") var settings: LocationOptions

    func run() async throws {
        do throws(FleetError) {
            let access = try await ControlAccess.openRunning(self.settings)
            let answer = try await access.perform("DescribeService")["revocation"] ?? [:]
            guard !self.json else { return Terminal.say(answer) }
            let rows = (answer.objectValue?.members ?? []).map { member in
                [member.key, member.value == .null ? "-" : member.value.description]
            }
            for line in Terminal.table(rows) { Terminal.say(line) }
        } catch { throw Failure.exit(error) }
    }
}
