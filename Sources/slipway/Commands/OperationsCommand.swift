import ArgumentParser
import ControlPlane
import Fleet
import HTTPTypes
import JSON
import Policies
import Registry

struct OperationsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "operations",
        abstract: "The operations of the control plane: what AWS IoT has, and what is ours.",
        discussion: """
            Each is called over HTTP with an AWS signature, and has a right of its own: the \
            action that a role's document allows or denies.

            slipway operations --roles        # who may do what, by the roles that ship
            """)

    @Flag(help: "Print JSON") var json = false
    @Flag(help: "Print Documentation/aws-compatibility.md") var markdown = false
    @Flag(help: "Print which of the roles that ship may call which operation") var roles = false

    func run() {
        if self.markdown {
            Terminal.say(CompatibilityTable.markdown())
        } else if self.json {
            let matrix = RoleMatrix(at: SystemClock().now)
            Terminal.say(.array(OperationTable.all.map { Self.json($0, matrix) }))
        } else if self.roles {
            let matrix = RoleMatrix(at: SystemClock().now)
            for line in Terminal.table(matrix.rows) { Terminal.say(line) }
        } else {
            let rows = OperationTable.all.sorted { $0.action < $1.action }.map { operation in
                [operation.action, operation.method.rawValue, operation.path.text]
            }
            for line in Terminal.table([["ACTION", "METHOD", "PATH"]] + rows) {
                Terminal.say(line)
            }
        }
    }

    private static func json(
        _ operation: ControlPlane.Operation, _ matrix: RoleMatrix
    ) -> JSONValue {
        [
            "name": .string(operation.name), "action": .string(operation.action),
            "method": .string(operation.method.rawValue), "path": .string(operation.path.text),
            "members": .array(operation.members.map { .string($0) }),
            "query": .array(operation.query.map { .string($0) }),
            "summary": .string(operation.summary), "aws": .bool(operation.isAWS),
            "roles": .array(matrix.roles(of: operation).map { .string($0.rawValue) }),
        ]
    }
}

/// Who may do what, by the roles that ship: asked of their documents and not written down again.
/// What a row asks for besides its own action is in Documentation/access.md.
struct RoleMatrix {
    private let rights: [(role: BuiltInRole, rights: Rights)]
    private let now: UnixTime

    init(at now: UnixTime) {
        self.rights = BuiltInRole.allCases.map { ($0, Rights([$0.name], custom: [:])) }
        self.now = now
    }

    func roles(of operation: ControlPlane.Operation) -> [BuiltInRole] {
        let nobody = Rights.Circumstances(
            user: UserName(checked: "nobody"), sourceAddress: nil, now: self.now)
        return self.rights.filter { one in
            one.rights.decide(operation.action, on: .everything, nobody).isAllowed
        }.map { $0.role }
    }

    /// For a table, with its header.
    var rows: [[String]] {
        let header = ["ACTION"] + self.rights.map { $0.role.rawValue }
        let rows = OperationTable.all.sorted { $0.action < $1.action }.map { operation in
            let allowed = self.roles(of: operation)
            return [operation.action]
                + self.rights.map { allowed.contains($0.role) ? "yes" : "-" }
        }
        return [header] + rows
    }
}
