import Fleet
import Policies
import Testing

@testable import Registry

/// What the policy of a claim says, however many templates the claim has.
@Suite struct ClaimPolicyTests {
    private let realm = Realm.standard

    private func document(templates count: Int) -> String {
        ClaimPolicy.document(
            templates: (0..<count).map { TemplateName(checked: "template-of-line-\($0)") },
            in: self.realm)
    }

    private func allows(_ document: String, template: String) throws -> Bool {
        let policy = CompiledPolicy(
            try PolicyDocument.parse(document), name: PolicyName(checked: "claim"), version: 1)
        return PolicyEvaluator.decide(
            policies: [policy],
            request: .publish(
                topic: "$aws/provisioning-templates/\(template)/provision/json", in: self.realm),
            context: PolicyVariables()
        ).isAllowed
    }

    /// A document over AWS's 2048 characters is one that the gateway does not read, and denies by.
    @Test(arguments: [1, 2, 9, 10, 11, 50, 1000])
    func itIsReadWithAnyNumberOfTemplates(count: Int) throws {
        let document = self.document(templates: count)
        #expect(try self.allows(document, template: "template-of-line-0"))
        #expect(try self.allows(document, template: "template-of-line-\(count - 1)"))
    }

    @Test func itNamesEachTemplateWhereItHasRoom() throws {
        let document = self.document(templates: 3)
        #expect(try self.allows(document, template: "template-of-line-2"))
        #expect(try !self.allows(document, template: "template-of-line-3"))
    }
}
