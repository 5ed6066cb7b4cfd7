import Fleet
import JSON
import Registry
import TestSupport
import Testing

@testable import Provisioning

/// Policies laid out in advance say what the plain rules of `RenderedText` and `JSONPrinter` say.
@Suite struct PolicyProgramTests {
    private static let alphabet = [
        "a", "$", "{", "}", "*", "?", "\"", "\\", "é", "\u{1}", "\u{7F}", "${", "${x}", "", "/",
    ]
    private static let names = ["Sent", "Given", "AWS::Region", "AWS::IoT::Certificate::Id"]
    private static let cases = 200

    private static func text(_ random: inout SplitMix64) -> String {
        (0..<(random.next() % 4)).map { _ in
            Self.alphabet[Int(random.next() % UInt64(Self.alphabet.count))]
        }.joined()
    }

    private static func expression(
        _ random: inout SplitMix64, depth: Int = 0
    ) -> TemplateExpression {
        let kind = random.next() % (depth < 3 ? 6 : 3)
        switch kind {
        case 0: return TemplateExpression(.literal(Self.text(&random)), at: .root)
        case 1, 2:
            let name = Self.names[Int(random.next() % UInt64(Self.names.count))]
            return TemplateExpression(.reference(name), at: .root)
        case 3, 4:
            let items = (0..<(1 + random.next() % 4)).map { _ in
                Self.expression(&random, depth: depth + 1)
            }
            let separator = Self.text(&random)
            return TemplateExpression(
                kind == 3 ? .substitution(items) : .join(separator: separator, .items(items)),
                at: .root)
        default:
            let source = Self.expression(&random, depth: depth + 1)
            return TemplateExpression(
                .select(
                    index: TemplateExpression(.literal("0"), at: .root),
                    .split(separator: "/", source)), at: .root)
        }
    }

    /// As the rules say it, step by step.
    private static func plainly(
        _ expression: TemplateExpression, _ parameters: ResolvedParameters
    ) throws -> RenderedText {
        var joined = RenderedText.empty
        switch expression.form {
        case .literal(let text): return RenderedText(text, isForeign: false)
        case .reference(let name): return try #require(parameters.text(of: name))
        case .substitution(let items):
            for item in items { joined.append(try Self.plainly(item, parameters)) }
        case .join(let separator, .items(let items)):
            for (index, item) in items.enumerated() {
                if index > 0 { joined.append(RenderedText(separator, isForeign: false)) }
                joined.append(try Self.plainly(item, parameters))
            }
        case .select(_, .split(let separator, let source)):
            let text = try Self.plainly(source, parameters)
            let pieces = text.plain.utf8.split(
                separator: separator.utf8.first ?? 0, omittingEmptySubsequences: false)
            let first = String(decoding: pieces.first.map { Array($0) } ?? [], as: UTF8.self)
            return RenderedText(first, isForeign: text.isForeign)
        case .select, .join, .findInMap: Issue.record("not made here")
        }
        return joined
    }

    @Test(arguments: 0..<20)
    func aPolicyIsWhatTheRulesMakeOfIt(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        for _ in 0..<Self.cases {
            let resource = Self.expression(&random)
            let tree = TemplateTree.object([
                .init(key: "b", value: .literal(["z": 1, "a": "*"])),
                .init(key: "a", value: .array([.text(resource), .literal("${iot:ClientId}")])),
            ])
            var document = TemplateDocument(
                parameters: [
                    .init(name: "Sent", defaultValue: nil),
                    .init(name: "Given", defaultValue: Self.text(&random)),
                ],
                thing: .init(
                    logicalName: "t", name: TemplateExpression(.literal("t"), at: .root)),
                certificate: nil)
            document.policies = [.init(logicalName: "p", source: .document(tree), pointer: .root)]
            let parameters = ResolvedParameters(
                sent: ["Sent": Self.text(&random)], overrides: [:], document: document,
                certificate: DryRun.standInCertificate, realm: .standard)
            guard let escaped = try Self.plainly(resource, parameters).escapedForPolicy else {
                #expect(throws: FleetError.self) {
                    _ = try TemplateRenderer.render(document, with: parameters)
                }
                continue
            }
            let expected: JSONValue = [
                "b": ["z": 1, "a": "*"], "a": [.string(escaped), "${iot:ClientId}"],
            ]
            let digest = ContentDigest.sha256(of: JSONPrinter.print(expected, style: .canonical))
            let rendered = try TemplateRenderer.render(document, with: parameters)
            #expect(
                rendered.policies == [
                    .inline(
                        PolicyName(checked: digest.prefix(40).uppercased()),
                        document: JSONPrinter.print(expected), pointer: .root)
                ], "\(resource)")
        }
    }

    @Test func aPolicyWithoutParametersIsMadeOnce() throws {
        let fixed = #"{"Fn::Join": ["/", ["arn:aws:iot:a:1:topic", {"Fn::Sub": "b"}]]}"#
        let body = template(policies: [inlinePolicy(resource: fixed)])
        let document = try TemplateChecker.document(of: body, named: TemplateName(checked: "t"))
        let program = try #require(document.policies.first?.program)
        let none = ResolvedParameters(
            sent: [:], overrides: [:], document: document,
            certificate: DryRun.standInCertificate, realm: .standard)
        var desk = PolicyDesk()
        let made = try #require(program.document(with: none, on: &desk) { _ in nil })
        #expect(made.text.contains(#""Resource":"arn:aws:iot:a:1:topic/b""#))
        #expect(try render(body).policies.first?.name == made.name)
    }

    /// Uses of uses: laid out, it would be larger than any policy may be.
    @Test func whatDoublesTooOftenIsNotLaidOut() {
        var expression = TemplateExpression(.literal("0123456789"), at: .root)
        for _ in 0..<40 {
            expression = TemplateExpression(.substitution([expression, expression]), at: .root)
        }
        #expect(PolicyProgram(.text(expression)) == nil)
    }

    @Test func aValueThatIsTooLongIsRefusedByName() throws {
        let body = template(
            policies: [
                inlinePolicy(resource: #"{"Fn::Sub": "arn:aws:iot:a:1:topic/${X}${X}${X}"}"#)
            ],
            sections: #", "Parameters": {"X": {"Type": "String"}}"#)
        let long = String(repeating: "x", count: TemplateLimits.renderedBytesMax / 2)
        let error = #expect(throws: FleetError.self) { _ = try render(body, ["X": long]) }
        #expect(error?.message.contains("at most \(TemplateLimits.renderedBytesMax)") == true)
        let policy = String(repeating: "x", count: TemplateLimits.policyDocumentBytesMax / 3)
        let larger = #expect(throws: FleetError.self) { _ = try render(body, ["X": policy]) }
        #expect(larger?.message.contains("the policy at /Resources/p0") == true)
    }
}
