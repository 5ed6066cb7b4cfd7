import ArgumentParser
import ControlPlane
import HTTPTypes
import JSON

struct OperationsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "operations",
        abstract: "The operations of the control plane: what AWS IoT has, and what is ours.",
        discussion: """
            Each is called over HTTP with an AWS signature, and has a right of its own: the \
            action that a role's document allows or denies.
            """)

    @Flag(help: "Print JSON") var json = false
    @Flag(help: "Print Documentation/aws-compatibility.md") var markdown = false

    func run() {
        if self.markdown {
            Terminal.say(CompatibilityTable.markdown())
        } else if self.json {
            Terminal.say(.array(OperationTable.all.map(Self.json)))
        } else {
            let rows = OperationTable.all.sorted { $0.action < $1.action }.map { operation in
                [operation.action, operation.method.rawValue, operation.path.text]
            }
            for line in Terminal.table([["ACTION", "METHOD", "PATH"]] + rows) {
                Terminal.say(line)
            }
        }
    }

    private static func json(_ operation: ControlPlane.Operation) -> JSONValue {
        [
            "name": .string(operation.name), "action": .string(operation.action),
            "method": .string(operation.method.rawValue), "path": .string(operation.path.text),
            "members": .array(operation.members.map { .string($0) }),
            "query": .array(operation.query.map { .string($0) }),
            "summary": .string(operation.summary), "aws": .bool(operation.isAWS),
        ]
    }
}
