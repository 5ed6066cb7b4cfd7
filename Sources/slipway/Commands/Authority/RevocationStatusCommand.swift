import ArgumentParser
import Fleet
import JSON

/// What the running gateway measured of its own revocations.
struct RevocationStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "How soon revocations closed their live connections; how tokens of keys are.",
        discussion: """
            Milliseconds from the commit that took a certificate's right away to the closed \
            sockets of its connections, measured by the running service since its start: the last \
            commit's last socket, 99 of a hundred of the latest 4096 sockets, and the slowest; and \
            of the latest revocation of many, from its first commit to its last socket. \
            The same of the canary, a connection of the service's own that it closes in this way \
            every revocation.canarySeconds.

            Where CA keys are on tokens, how each was found when it was last asked: 'answers', or \
            'fails' with what it lacks, and since when.

            slipway ca status --json
            """)

    @Flag(help: "Print JSON") var json = false
    @OptionGroup(title: "Settings") var settings: LocationOptions

    func run() async throws {
        do throws(FleetError) {
            let access = try await ControlAccess.openRunning(self.settings)
            let service = try await access.perform("DescribeService")
            let answer = service["revocation"]?.objectValue ?? [:]
            let tokens = service["tokens"]?.arrayValue ?? []
            guard !self.json else {
                var object = answer
                if !tokens.isEmpty { object["tokens"] = .array(tokens) }
                return Terminal.say(.object(object))
            }
            let rows = answer.members.map { member in
                [member.key, member.value == .null ? "-" : member.value.description]
            }
            for line in Terminal.table(rows) { Terminal.say(line) }
            for token in tokens { Terminal.say(Self.sentence(token)) }
        } catch { throw Failure.exit(error) }
    }

    private static func sentence(_ token: JSONValue) -> String {
        let names = (token["authorities"]?.arrayValue ?? []).compactMap(\.stringValue)
        var text = "the key of \(names.isEmpty ? "no CA" : names.joined(separator: ", ")) "
        text += "(\(token["key"]?.stringValue ?? "-")): \(token["state"]?.stringValue ?? "-")"
        if let since = token["since"]?.stringValue { text += " since \(since)" }
        if let why = token["why"]?.stringValue { text += ": \(why)" }
        return text
    }
}
