import Fleet
import JSON
import Provisioning
import Testing

@Suite struct TemplateTestFileTests {
    @Test(arguments: [
        (#"{"may": ["publish a"], "mayNot": ["publish a"]}"#, "/cases/0 /mayNot names"),
        (#"{"may": ["publish a", "publish a"]}"#, "/cases/0 /may asks the same twice"),
        (#"{"parametrs": {}}"#, "/cases/0/parametrs is not understood"),
    ])
    func aQuestionIsAskedOnce(_ item: String, _ complaint: String) throws {
        let json = try JSONParser.parse("{\"cases\": [\(item)]}")
        do throws(FleetError) {
            _ = try TemplateTestFile(json: json)
            Issue.record("it was taken")
        } catch {
            #expect(error.message.hasPrefix(complaint), "\(error)")
        }
    }

    /// Results are kept by the names of cases: of two that share one, the later would stand for
    /// both, and the first would fail against it ever after.
    @Test(
        arguments: [
            (["a", "b", "a"], "/cases/2 is called 'a', and so is /cases/0"),
            ([nil, "case 1"], "/cases/1 is called 'case 1', and so is /cases/0"),
            (["a", "A", nil, nil], nil),
        ] as [([String?], String?)])
    func namesOfCasesDiffer(_ names: [String?], _ complaint: String?) throws {
        let cases = names.map { name -> JSONValue in
            var item = JSONObject()
            item["name"] = name.map { .string($0) }
            return .object(item)
        }
        do throws(FleetError) {
            let file = try TemplateTestFile(json: ["cases": .array(cases)])
            #expect(complaint == nil)
            #expect(file.cases.count == names.count)
        } catch {
            #expect(error.message.hasPrefix(complaint ?? "-"), "\(error)")
        }
    }
}
