import ArgumentParser
import Fleet
import JSON

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "How the running service is.",
        discussion: "Exit code 1 where none runs here.")

    @Flag(help: "Print JSON") var json = false
    @OptionGroup(title: "Settings") var settings: LocationOptions

    func run() async throws {
        do throws(FleetError) {
            let access = try await ControlAccess.openRunning(self.settings)
            let answer = try await access.perform("DescribeService")
            guard !self.json else { return Terminal.say(answer) }
            let rows = (answer.objectValue?.members ?? []).map { member in
                [member.key, member.value.stringValue ?? member.value.description]
            }
            for line in Terminal.table(rows) { Terminal.say(line) }
        } catch { throw Failure.exit(error) }
    }
}
