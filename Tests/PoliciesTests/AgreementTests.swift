import Fleet
import JSON
import Testing

@testable import Policies

@Suite struct AgreementTests {
    /// SplitMix64.
    private struct SeededGenerator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            self.state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = self.state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
        mutating func pick(_ choices: [String]) -> String {
            choices.randomElement(using: &self) ?? ""
        }
    }

    private static let actions = [
        "iot:Publish", "iot:Subscribe", "iot:Connect", "iot:*", "*", "iot:publish", "iot:?ublish",
        "iot:Sub*", "iot:Frob",
    ]
    private static let parts = [
        "a", "b", "/", "*", "?", "+", "#", "$", "é", "${*}", "${?}", "${$}", "${iot:ClientId}",
        "${iot:Connection.Thing.ThingName}", "${iot:Connection.Thing.Attributes[s]}", "${iot:No}",
    ]
    private static let subjects = ["a", "b", "/", "+", "#", "$", "*", "?", "é", "ab", "x"]
    private static let clients = ["a", "b", "ab", "*", "?", "+", "a/b", "$x", "", "é"]
    private static let operators = [
        "StringEquals", "StringNotEquals", "StringLike", "StringNotLike",
    ]
    private static let keys = [
        "iot:ClientId", "iot:Connection.Thing.ThingName", "iot:Connection.Thing.Attributes[s]",
        "iot:ConnectAttributes",
    ]
    private static let operands = ["LastWill", "PersistentConnect", "a", "b", "*", "L*", "true"]

    private static func condition(_ generator: inout SeededGenerator) -> JSONValue {
        if Int.random(in: 0..<6, using: &generator) == 0 {
            let missing = JSONValue.string(generator.pick(["true", "false"]))
            return .object(["Null": .object([generator.pick(Self.keys): missing])])
        }
        let name =
            generator.pick(["", "", "ForAllValues:", "ForAnyValue:"])
            + generator.pick(Self.operators) + generator.pick(["", "", "IfExists"])
        let operands: [JSONValue] = (0..<Int.random(in: 1...2, using: &generator)).map { _ in
            .string(
                Bool.random(using: &generator)
                    ? generator.pick(Self.operands)
                    : generator.pick(Self.parts) + generator.pick(["", "*", "a"]))
        }
        return .object([name: .object([generator.pick(Self.keys): .array(operands)])])
    }

    private static func statement(_ generator: inout SeededGenerator) -> JSONValue {
        let resources: [JSONValue] = (0..<Int.random(in: 1...2, using: &generator)).map { _ in
            guard Int.random(in: 0..<8, using: &generator) > 0 else { return "*" }
            let kind = generator.pick(["topic/", "topicfilter/", "client/", "*/"])
            let text = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                generator.pick(Self.parts)
            }
            return .string(PolicyAsking.arn + kind + text.joined())
        }
        var statement: JSONObject = [
            "Effect": .string(generator.pick(["Allow", "Allow", "Deny"])),
            "Action": .array([
                .string(generator.pick(Self.actions)), .string(generator.pick(Self.actions)),
            ]),
        ]
        statement[generator.pick(["Resource", "Resource", "NotResource"])] = .array(resources)
        if Int.random(in: 0..<3, using: &generator) == 0 {
            statement["Condition"] = Self.condition(&generator)
        }
        return .object(statement)
    }

    private static func document(_ generator: inout SeededGenerator) -> JSONValue {
        let statements = (0..<Int.random(in: 1...3, using: &generator)).map { _ in
            Self.statement(&generator)
        }
        return ["Version": "2012-10-17", "Statement": .array(statements)]
    }

    private static func request(_ generator: inout SeededGenerator) -> AuthorizationRequest {
        let text = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
            generator.pick(Self.subjects)
        }.joined()
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: return .publish(topic: text, in: PolicyAsking.realm)
        case 1: return .subscribe(filter: text, in: PolicyAsking.realm)
        default: return .connect(clientID: text, in: PolicyAsking.realm)
        }
    }

    private static func context(_ generator: inout SeededGenerator) throws -> PolicyVariables {
        var context = PolicyVariables(clientID: generator.pick(Self.clients))
        if Bool.random(using: &generator) {
            let attributes = ["s": generator.pick(Self.clients)]
            context.thing = .init(
                name: try ThingName(generator.pick(["a", "b", "ab"])),
                attributes: Bool.random(using: &generator) ? attributes : [:])
        }
        for attribute in PolicyVariables.ConnectAttribute.allCases
        where Bool.random(using: &generator) {
            context.connectAttributes.insert(attribute)
        }
        return context
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func theEvaluatorAgreesWithTheLiteralReading(seed: UInt64) throws {
        var generator = SeededGenerator(state: seed)
        var seen: [ReferenceEvaluator.Answer: Int] = [:]
        for round in 0..<5_200 {
            let document = Self.document(&generator)
            let text = JSONPrinter.print(document)
            let policy = try PolicyAsking.compile(text)
            for _ in 0..<2 {
                let request = Self.request(&generator)
                let context = try Self.context(&generator)
                let expected = ReferenceEvaluator(
                    context: context, action: request.operation,
                    resource: request.resource.rawValue
                ).answer([document])
                let decision = PolicyEvaluator.decide(
                    policies: [policy], request: request, context: context)
                let answer: ReferenceEvaluator.Answer =
                    switch decision {
                    case .allowed: .allowed
                    case .implicitlyDenied: .implicitlyDenied
                    case .explicitlyDenied: .explicitlyDenied
                    }
                seen[answer, default: 0] += 1
                guard answer != expected else { continue }
                Issue.record(
                    """
                    seed \(seed), round \(round): \(answer), expected \(expected)
                    \(text)
                    \(request.operation) \(request.resource)
                    \(context)
                    """)
                return
            }
        }
        // A generator that only ever meets one answer would prove nothing.
        #expect(seen.count == 3 && seen.values.allSatisfy { $0 > 1000 }, "\(seen)")
    }
}
