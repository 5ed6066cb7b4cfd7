import Fleet
import JSON
import Testing

@testable import Policies

/// A fleet of one policy, and the question put to it.
enum PolicyAsking {
    static let arn = "arn:aws:iot:local:000000000000:"
    static let realm = Realm.standard

    static func compile(_ document: String, name: String = "p") throws -> CompiledPolicy {
        CompiledPolicy(
            try PolicyDocument.parse(document), name: try PolicyName(name), version: 1)
    }

    /// `{"Version":…,"Statement":[…]}` around the statements given.
    static func document(_ statements: String...) -> String {
        "{\"Version\":\"2012-10-17\",\"Statement\":[\(statements.joined(separator: ","))]}"
    }

    static func statement(
        _ resource: String, effect: String = "Allow", action: String = "iot:Publish",
        element: String = "Resource", condition: String? = nil
    ) -> String {
        let full = resource == "*" || resource.hasPrefix("arn:") ? resource : Self.arn + resource
        let tail = condition.map { ",\"Condition\":\($0)" } ?? ""
        return
            "{\"Effect\":\"\(effect)\",\"Action\":\"\(action)\",\"\(element)\":\"\(full)\"\(tail)}"
    }

    static func decide(
        _ document: String, _ request: AuthorizationRequest, _ context: PolicyVariables = .init()
    ) throws -> Decision {
        PolicyEvaluator.decide(
            policies: [try Self.compile(document)], request: request, context: context)
    }

    /// Whether a policy with this one condition on an Allow of everything (or a Deny beside an
    /// Allow of everything) lets a connection through.
    static func allows(
        _ effect: String = "Allow", condition: String, _ context: PolicyVariables
    ) throws -> Bool {
        let conditional = Self.statement(
            "*", effect: effect, action: "iot:*", condition: condition)
        let document =
            effect == "Allow"
            ? Self.document(conditional)
            : Self.document(Self.statement("*", action: "iot:*"), conditional)
        return try Self.decide(document, .connect(clientID: "c", in: Self.realm), context).isAllowed
    }

    static func publish(_ topic: String) -> AuthorizationRequest {
        .publish(topic: topic, in: Self.realm)
    }

    static func subscribe(_ filter: String) -> AuthorizationRequest {
        .subscribe(filter: filter, in: Self.realm)
    }

    /// A connection that speaks for a thing.
    static func pump(
        clientID: String = "pump-1", attributes: [String: String] = ["site": "plant-7"]
    ) throws -> PolicyVariables {
        PolicyVariables(
            clientID: clientID, sourceIP: "203.0.113.7",
            thing: .init(
                name: try ThingName("pump-1"), typeName: try ThingTypeName("pump"),
                attributes: attributes))
    }
}
