import Fleet
import JSON
import Provisioning
import TestSupport
import Testing

@Suite struct TemplateCoverageTests {
    private static let body = """
        {"Parameters": {"S": {"Type": "String"}, "N": {"Type": "String", "Default": "0"}},
         "Mappings": {"M": {"a": {"v": "1"}, "b": {"v": "2"}}},
         "Resources": {
          "thing": {"Type": "AWS::IoT::Thing", "Properties": {
            "ThingName": {"Fn::Sub": "t-${S}"},
            "AttributePayload": {
              "k": {"Fn::Select": [{"Ref": "N"}, [
                {"Fn::Join": ["", ["a", {"Ref": "S"}]]}, {"Fn::Sub": "x${S}"}]]}},
            "ThingGroups": ["G"]},
           "OverrideSettings": {"AttributePayload": "MERGE", "ThingGroups": "FAIL"}},
          "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {
            "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}}}},
         "DeviceConfiguration": {"v": {"Fn::FindInMap": ["M", "a", "v"]}}}
        """

    /// What is missed after cases of the parameters, each before a registry.
    private static func missed(
        _ cases: [(parameters: JSONObject, registry: JSONValue)]
    ) async throws -> [String] {
        var coverage = TemplateCoverage()
        for item in cases {
            let sketch = try RegistrySketch(json: item.registry)
            let trial = DryRun(
                load: { keys async throws(FleetError) in sketch.view(keys) }, askHook: nil,
                foresee: nil, clock: ManualClock(), realm: .standard)
            coverage.add(
                try await trial.run(
                    DryRunRequest(json: [
                        "templateBody": .string(Self.body),
                        "parameters": .object(item.parameters),
                    ])))
        }
        return coverage.missed.map { "\($0.kind) \($0.name)" }
    }

    /// A list's item that Fn::Select passes over was rendered, and nothing came of it.
    @Test func anItemThatIsNotTakenIsNotExercised() async throws {
        let groups: JSONValue = ["thingGroups": ["G"]]
        let first = try await Self.missed([(["S": "1"], groups)])
        let place = "function /Resources/thing/Properties/AttributePayload/k/Fn::Select/1/"
        #expect(first.contains(place + "1"))
        #expect(!first.contains(place + "0"))
        let second = try await Self.missed([(["S": "1", "N": "1"], groups)])
        #expect(second.contains(place + "0"))
        #expect(!second.contains(place + "1"))
        #expect(second.contains("default N"))
        #expect(second.contains("mapping row M.b"))
    }

    @Test func eachOverrideIsABranchOfItsOwn() async throws {
        let place = "branch a thing that differs in "
        let fresh = try await Self.missed([(["S": "1"], ["thingGroups": ["G"]])])
        #expect(fresh.contains(place + "AttributePayload (merge)"))
        #expect(fresh.contains(place + "ThingGroups (fail)"))
        #expect(!fresh.contains("branch a new thing"))
        let known = try await Self.missed([
            (["S": "1"], ["thingGroups": ["G"], "things": ["t-1": ["attributes": ["k": "z"]]]])
        ])
        #expect(!known.contains(place + "AttributePayload (merge)"))
        #expect(!known.contains(place + "ThingGroups (fail)"))
        #expect(known.contains("branch a new thing"))
    }
}
