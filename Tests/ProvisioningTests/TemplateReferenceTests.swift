import Fleet
import Foundation
import JSON
import Policies
import Provisioning
import Testing

/// Documentation/templates.md says nothing that is not so.
@Suite struct TemplateReferenceTests {
    private static let page: String = {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Documentation/templates.md")
        return (try? String(contentsOf: path, encoding: .utf8)) ?? ""
    }()

    /// The fenced blocks of one kind.
    private static func blocks(_ kind: String) -> [String] {
        self.page.components(separatedBy: "```\(kind)\n").dropFirst().map {
            $0.components(separatedBy: "\n```").first ?? ""
        }
    }

    @Test func everyTemplateIsSoundAndRenders() throws {
        #expect(Self.blocks("json").count >= 3)
        for body in Self.blocks("json") {
            let report = try TemplateLint.report(of: body)
            #expect(report.findings.allSatisfy { $0.rule.severity == .note }, "\(report.findings)")
            #expect(try render(body, ["Serial": "SN_7"]).thing.rawValue.hasSuffix("SN_7"))
        }
    }

    @Test func everyExampleRendersToWhatItSays() throws {
        let lines = Self.blocks("example").flatMap { $0.components(separatedBy: "\n") }
        #expect(lines.count >= 20)
        for index in stride(from: 0, to: lines.count - 1, by: 2) {
            let body = template(
                sections: #"""
                    , "Parameters": {"Serial": {"Type": "String"},
                       "Site": {"Type": "String", "Default": "plant"}},
                     "Mappings": {"Sites": {"plant": {"broker": "b2.example"},
                       "lab": {"broker": "b1.example"}}},
                     "DeviceConfiguration": {"v": \#(lines[index])}
                    """#)
            let value = try render(body, ["Serial": "SN_7"]).deviceConfiguration["v"]
            #expect(value == .string(String(lines[index + 1].dropFirst(2))), "\(lines[index])")
        }
    }

    @Test func everyRuleOfATemplatesOwnIsListedWithItsSeverity() {
        for rule in TemplateRule.all where !rule.id.hasPrefix("policy-") {
            #expect(
                Self.page.contains("| `\(rule.id)` | \(rule.severity.rawValue) |"), "\(rule.id)")
        }
    }
}
