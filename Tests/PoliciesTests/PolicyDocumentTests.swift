import Fleet
import JSON
import Testing

@testable import Policies

@Suite struct PolicyDocumentTests {
    private static let whole =
        #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:Connect","Resource":"*"}]}"#

    private static func refusal(_ text: String) -> String? {
        do throws(FleetError) {
            _ = try PolicyDocument.parse(text)
            return nil
        } catch {
            #expect(error.code == .malformedPolicy)
            return error.message
        }
    }

    private static func inStatement(_ members: String) -> String {
        #"{"Version":"2012-10-17","Statement":[{\#(members)}]}"#
    }

    /// Anchors A4 row 12: nothing written down is nothing allowed.
    @Test(arguments: [
        "", " ", "\n", "{", "{}", "null", "[]", "\"\"", "0", "\u{FEFF}{}", "{\"Version\"",
        #"{"Version":"2012-10-17"}"#, #"{"Version":"2012-10-17","Statement":[]}"#,
        #"{"Version":"2012-10-17","Statement":{}}"#, #"{"Version":"2012-10-17","Statement":[{}]}"#,
        #"{"Version":"2012-10-17","Statement":null}"#,
    ])
    func anEmptyOrBlankDocumentIsRefused(text: String) {
        #expect(Self.refusal(text) != nil)
    }

    @Test func everyCutOfADocumentIsRefused() {
        #expect(Self.refusal(Self.whole) == nil)
        for length in 0..<Self.whole.count {
            #expect(Self.refusal(String(Self.whole.prefix(length))) != nil, "\(length)")
        }
    }

    @Test(arguments: [
        (
            #""Effect":"Allow","Action":"iot:Connect""#,
            "/Statement/0: a statement needs \"Resource\""
        ),
        (#""Effect":"Allow","Resource":"*""#, "/Statement/0: a statement needs \"Action\""),
        (#""Action":"iot:Connect","Resource":"*""#, "/Statement/0: a statement needs \"Effect\""),
        (
            #""Effect":"allow","Action":"iot:Connect","Resource":"*""#,
            "/Statement/0/Effect: Effect must"
        ),
        (#""Effect":"","Action":"iot:Connect","Resource":"*""#, "/Statement/0/Effect: "),
        (#""Effect":true,"Action":"iot:Connect","Resource":"*""#, "/Statement/0/Effect: "),
        (#""Effect":"Allow","Action":[],"Resource":"*""#, "/Statement/0/Action: the list must not"),
        (#""Effect":"Allow","Action":"","Resource":"*""#, "/Statement/0/Action: an action begins"),
        (#""Effect":"Allow","Action":"s3:Get","Resource":"*""#, "/Statement/0/Action: an action"),
        (#""Effect":"Allow","Action":"iot","Resource":"*""#, "/Statement/0/Action: an action"),
        (#""Effect":"Allow","Action":"iot:","Resource":"*""#, "/Statement/0/Action: an action's"),
        (#""Effect":"Allow","Action":"i*:Connect","Resource":"*""#, "/Statement/0/Action: "),
        (#""Effect":"Allow","Action":"iot:Con nect","Resource":"*""#, "/Statement/0/Action: "),
        (#""Effect":"Allow","Action":["iot:Connect",7],"Resource":"*""#, "/Statement/0/Action/1: "),
        (
            #""Effect":"Allow","Action":"iot:Connect","Resource":[]"#,
            "/Statement/0/Resource: the list"
        ),
        (
            #""Effect":"Allow","Action":"iot:Connect","Resource":"""#,
            "/Statement/0/Resource: a resource"
        ),
        (
            #""Effect":"Allow","Action":"iot:Connect","Resource":"topic/a""#,
            "/Statement/0/Resource: "
        ),
        (
            #""Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot""#,
            "/Statement/0/Resource: "
        ),
        (
            #""Effect":"Allow","Action":"iot:Connect","Resource":["*","a*"]"#,
            "/Statement/0/Resource/1: "
        ),
        (
            #""Effect":"Allow","Action":"iot:Connect","Resource":{"a":1}"#,
            "/Statement/0/Resource: expected"
        ),
        (
            #""Effect":"Allow","Action":"iot:Connect","Resource":"*","NotResource":"*""#,
            "/Statement/0: a statement has Resource or"
        ),
        (
            #""Effect":"Allow","Action":"iot:Connect","NotAction":"iot:Connect","Resource":"*""#,
            "/Statement/0: a statement has Action or"
        ),
        (
            #""Effect":"Allow","NotAction":[],"Resource":"*""#,
            "/Statement/0/NotAction: the list must not"
        ),
        (
            #""Effect":"Allow","Action":"iot:Connect","Resource":"*","Principal":"*""#,
            "/Statement/0/Principal: a policy"
        ),
        (
            #""Effect":"Allow","Action":"iot:Connect","Resource":"*","resource":"*""#,
            "/Statement/0/resource: unknown"
        ),
        (
            #""Effect":"Allow","Action":"iot:Connect","Resource":"*","Sid":1"#,
            "/Statement/0/Sid: expected a text"
        ),
        (
            #""Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot:a:b:topic/${iot:ClientId""#,
            "/Statement/0/Resource: a '${'"
        ),
        (
            #""Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot:a:b:topic/${}""#,
            "/Statement/0/Resource: '${}'"
        ),
        (
            #""Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot:a:b:topic/${a, 'b'}""#,
            "/Statement/0/Resource: "
        ),
        (
            #""Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot:a:b:topic/${${a}}""#,
            "/Statement/0/Resource: "
        ),
        (
            #""Effect":"Allow","Action":"iot:Connect","Resource":"*","Condition":{}"#,
            "/Statement/0/Condition: "
        ),
        (
            #""Effect":"Allow","Action":"iot:Connect","Resource":"*","Condition":[]"#,
            "/Statement/0/Condition: "
        ),
        (
            #""Effect":"Allow","Action":"iot:Connect","Resource":"*","Condition":{"Bool":{}}"#,
            "/Statement/0/Condition/Bool: "
        ),
        (
            #""Effect":"Allow","Action":"iot:Connect","Resource":"*","Condition":{"Bool":{"k":[]}}"#,
            "/Statement/0/Condition/Bool/k: "
        ),
        (
            #""Effect":"Allow","Action":"iot:Connect","Resource":"*","Condition":{"Bool":{"":"true"}}"#,
            "/Statement/0/Condition/Bool/: "
        ),
    ])
    func aFaultIsNamedWithItsPlace(members: String, message: String) {
        let findings = PolicyDocument.read(Self.inStatement(members)).findings
        let refusals = findings.map { "\($0.place): \($0.message)" }
        #expect(refusals.count == 1 && refusals[0].hasPrefix(message), "\(refusals)")
    }

    @Test(arguments: [
        #"{"Statement":{"Effect":"Allow","Action":"iot:Connect","Resource":"*"}}"#,
        #"{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"iot:Connect","Resource":"*"}}"#,
        #"{"Version":20121017,"Statement":{"Effect":"Allow","Action":"iot:Connect","Resource":"*"}}"#,
        #"{"version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:Connect","Resource":"*"}}"#,
        #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:Connect","Resource":"*"},"X":1}"#,
        #"{"Version":"2012-10-17","Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:Connect","Resource":"*"}}"#,
        #"{"Version":"2012-10-17","Statement":["x"]}"#,
        #"{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Action":"iot:Connect","Resource":"*"},{"Sid":"a","Effect":"Deny","Action":"iot:Connect","Resource":"*"}]}"#,
    ])
    func whatIsNotThePolicyLanguageIsRefused(text: String) {
        #expect(Self.refusal(text) != nil)
    }

    @Test func aSyntaxErrorNamesLineAndColumn() {
        #expect(
            Self.refusal("{\n \"Version\" \"2012-10-17\"}")?
                .contains("line 2, column 12") == true)
    }

    @Test func singleValuesStandForListsOfOne() throws {
        let single = try PolicyDocument.parse(
            #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:Connect","Resource":"*"}}"#
        )
        let list = try PolicyDocument.parse(
            #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iot:Connect"],"Resource":["*"]}]}"#
        )
        #expect(single == list)
    }

    @Test func theSizeLimitCountsNoWhiteSpace() throws {
        let frame = PolicyAsking.document(PolicyAsking.statement("topic/"))
        let fill = PolicyLimits.documentCharactersMax - frame.utf8.count
        let topic = String(repeating: "x", count: fill)
        let fits = PolicyAsking.document(PolicyAsking.statement("topic/" + topic))
        #expect(Self.refusal(fits) == nil)
        #expect(Self.refusal(fits + String(repeating: " \n", count: 4000)) == nil)
        #expect(
            Self.refusal(PolicyAsking.document(PolicyAsking.statement("topic/x" + topic))) != nil)
        let blank = String(repeating: " ", count: PolicyLimits.documentBytesMax)
        #expect(Self.refusal(fits + blank) != nil)
    }

    @Test func foreignNamesDoNotFloodTheMessage() {
        let key = String(repeating: "k", count: 1500)
        let refusal = Self.refusal(#"{"\#(key)":1}"#)
        #expect((refusal?.utf8.count ?? .max) < 500)
    }

    @Test func everyActionHasItsOwnBit() {
        let bits = PolicyAction.allCases.map { PolicyActionSet.action($0) }
        #expect(Set(bits.map(\.rawValue)).count == bits.count)
        #expect(bits.allSatisfy { $0.rawValue.nonzeroBitCount == 1 })
        #expect(bits.reduce(into: []) { $0.formUnion($1) } == PolicyActionSet.all)
    }

    @Test(arguments: [
        ("iot:Publish", "iot:Publish"), ("IOT:PUBLISH", "iot:Publish"),
        ("iot:publish", "iot:Publish"), ("iot:*ublish", "iot:Publish iot:RetainPublish"),
        ("iot:Re*e", "iot:Receive"), ("iot:?onnect", "iot:Connect"),
        (
            "iot:Get*",
            "iot:GetConnection iot:GetRetainedMessage iot:GetThingShadow iotjobsdata:GetPendingJobExecutions"
        ),
        ("iotjobsdata:Get*", "iotjobsdata:GetPendingJobExecutions"),
        ("iot:DescribeJobExecution", "iotjobsdata:DescribeJobExecution"),
        ("iot:CreateThing", ""), ("iot:Publis", ""), ("iot:Publish?", ""),
    ])
    func anActionCoversWhatItSpells(text: String, covered: String) throws {
        let actions = try ActionPattern(text).actions
        let names = PolicyAction.allCases.filter { actions.contains(.action($0)) }.map(\.rawValue)
        #expect(names.joined(separator: " ") == covered)
    }

    @Test func aStarCoversEveryAction() throws {
        #expect(try ActionPattern("*").actions == .all)
        #expect(try ActionPattern("iot:*").actions == .all)
    }
}
