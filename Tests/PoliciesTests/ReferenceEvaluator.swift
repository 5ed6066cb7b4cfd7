import Fleet
import JSON

@testable import Policies

/// The policy language said a second time, as literally as it can be, straight from the JSON of a
/// document and the raw facts of a connection: no sets of bits, no patterns prepared, recursion
/// over characters. It shares no code with what it is held against, except for the names of things.
struct ReferenceEvaluator {
    enum Answer: String { case allowed, implicitlyDenied, explicitlyDenied }

    private struct Statement {
        let isDeny: Bool
        let actions: [[ReferenceText.Symbol]]
        let actionsExcluded: Bool
        let resources: [[ReferenceText.Symbol]]
        /// The same where the resource is a topic.
        let topics: [[ReferenceText.Symbol]]
        let resourcesExcluded: Bool
    }

    private let statements: [Statement]

    /// - Parameter document: of the fleet's policies, all together.
    init(_ document: JSONValue, _ context: PolicyVariables) {
        let text = ReferenceText(context)
        // What a condition says does not depend on what is asked, so it is looked at first.
        self.statements = Self.list(document["Statement"]).compactMap { statement in
            let isDeny = statement["Effect"] == "Deny"
            let conditions = ReferenceConditions(text, isDeny: isDeny)
            guard conditions.allHold(statement["Condition"]) else { return nil }
            let excluded = statement["Resource"] == nil
            let patterns = Self.list(statement[excluded ? "NotResource" : "Resource"])
            // A variable without a value tips the decision towards refusing.
            let unknown: [ReferenceText.Symbol]? = isDeny != excluded ? [.run] : nil
            func read(inTopic: Bool) -> [[ReferenceText.Symbol]] {
                patterns.compactMap {
                    text.symbols(
                        $0.stringValue ?? "", wild: true, inTopic: inTopic, unknown: unknown)
                }
            }
            let actionsExcluded = statement["Action"] == nil
            let actions = Self.list(statement[actionsExcluded ? "NotAction" : "Action"])
            return Statement(
                isDeny: isDeny,
                actions: actions.map {
                    ReferenceText.plainSymbols($0.stringValue?.lowercased() ?? "")
                }, actionsExcluded: actionsExcluded, resources: read(inTopic: false),
                topics: read(inTopic: true), resourcesExcluded: excluded)
        }
    }

    static func list(_ value: JSONValue?) -> [JSONValue] {
        value.map { $0.arrayValue ?? [$0] } ?? []
    }

    private static let topicActions: Set<String> = [
        "iot:publish", "iot:retainpublish", "iot:subscribe", "iot:receive",
        "iot:getretainedmessage",
    ]

    func answer(operation: String, resource: String) -> Answer {
        let action = operation.lowercased()
        // The job actions were born under iot:.
        let names =
            action.hasPrefix("iotjobsdata:")
            ? [action, "iot:" + action.dropFirst("iotjobsdata:".count)] : [action]
        let spelled = names.map { Array($0.unicodeScalars) }
        let scalars = Array(resource.unicodeScalars)
        var allowed = false
        for statement in self.statements {
            let speaks = statement.actions.contains { pattern in
                spelled.contains { ReferenceText.glob(pattern, $0) }
            }
            guard speaks != statement.actionsExcluded else { continue }
            let patterns =
                Self.topicActions.contains(action) ? statement.topics : statement.resources
            let covers = patterns.contains { ReferenceText.glob($0, scalars) }
            guard covers != statement.resourcesExcluded else { continue }
            if statement.isDeny { return .explicitlyDenied }
            allowed = true
        }
        return allowed ? .allowed : .implicitlyDenied
    }
}
