import Fleet
import JSON
import Testing

@testable import Hooks

@Suite struct HookContractTests {
    @Test func requestHasTheFieldsOfAWS() throws {
        let request = HookContract.request(try HookFixtures.request())
        #expect(
            request.objectValue?.keys == [
                "claimCertificateId", "certificateId", "certificatePem", "templateArn",
                "clientId", "parameters",
            ])
        #expect(request["parameters"] == ["SerialNumber": "unit-1"])
        #expect(
            request["templateArn"]
                == "arn:aws:iot:local:000000000000:provisioningtemplate/demo-sensor")
    }

    @Test(
        arguments: [
            (#"{"allowProvisioning":true}"#, [:]),
            (#"{"allowProvisioning":true,"parameterOverrides":{}}"#, [:]),
            (#"{"allowProvisioning":true,"parameterOverrides":null}"#, [:]),
            (
                #"{"allowProvisioning":true,"parameterOverrides":{"a":"b","c":""}}"#,
                ["a": "b", "c": ""]
            ),
            (#"{"allowProvisioning":true,"denyReason":"unused"}"#, [:]),
        ] as [(String, [String: String])])
    func exactlyTrueAllows(answer: String, overrides: [String: String]) throws {
        #expect(
            HookContract.verdict(try JSONParser.parse(answer))
                == .allowed(parameterOverrides: overrides))
    }

    @Test(
        arguments: [
            (#"{"allowProvisioning":false}"#, nil),
            (#"{"allowProvisioning":false,"denyReason":null}"#, nil),
            (#"{"allowProvisioning":false,"denyReason":""}"#, nil),
            (#"{"allowProvisioning":false,"denyReason":"not today"}"#, "not today"),
            (#"{"allowProvisioning":false,"denyReason":"two\nlines"}"#, "two lines"),
            (#"{"allowProvisioning":false,"parameterOverrides":{"a":"b"}}"#, nil),
        ] as [(String, String?)])
    func exactlyFalseDenies(answer: String, reason: String?) throws {
        #expect(HookContract.verdict(try JSONParser.parse(answer)) == .denied(reason: reason))
    }

    @Test(arguments: [
        "null", "true", "1", #""yes""#, "[]", "{}", #"{"allowProvisioning":1}"#,
        #"{"allowProvisioning":"true"}"#, #"{"allowProvisioning":null}"#,
        #"{"AllowProvisioning":true}"#, #"{"allowProvisioning":true,"parameterOverride":{}}"#,
        #"{"allowProvisioning":true,"parameterOverrides":["a"]}"#,
        #"{"allowProvisioning":true,"parameterOverrides":{"a":1}}"#,
        #"{"allowProvisioning":true,"parameterOverrides":{"":"b"}}"#,
        #"{"allowProvisioning":false,"denyReason":5}"#,
    ])
    func nonsenseFails(answer: String) throws {
        let verdict = HookContract.verdict(try JSONParser.parse(answer))
        guard case .failed(let cause) = verdict else {
            Issue.record("\(answer) gave \(verdict)")
            return
        }
        #expect(!cause.isEmpty)
    }

    /// They stand in tables and reports, as a claim's own station and lot do.
    @Test(arguments: [
        ("st\nFORGED", false), ("\u{1B}[31mred", false), ("x\u{0}", false), ("\u{9B}1m", false),
        (String(repeating: "x", count: 129), false), (String(repeating: "x", count: 128), true),
        ("Halle 4, Süd", true), ("", true),
    ])
    func stationAndLotAreLabels(_ text: String, _ isFit: Bool) throws {
        for name in ["station", "lot"] {
            let answer = HookContract.answer([
                "allowProvisioning": true, "attributes": [name: .string(text)],
            ])
            if isFit {
                #expect(answer.attributes == [name: text])
            } else {
                #expect(answer.verdict.cause?.contains("'\(name)'") == true)
            }
        }
    }

    @Test func overridesAreBounded() throws {
        func verdict(count: Int, valueLength: Int) -> HookOutcome.Verdict {
            var overrides = JSONObject()
            for index in 0..<count {
                overrides["k\(index)"] = .string(String(repeating: "v", count: valueLength))
            }
            return HookContract.verdict([
                "allowProvisioning": true, "parameterOverrides": .object(overrides),
            ])
        }
        func isAllowed(_ verdict: HookOutcome.Verdict) -> Bool {
            if case .allowed = verdict { true } else { false }
        }
        #expect(isAllowed(verdict(count: Limits.parametersMax, valueLength: 1)))
        #expect(!isAllowed(verdict(count: Limits.parametersMax + 1, valueLength: 1)))
        let most = Limits.parameterValueCharactersMax
        #expect(isAllowed(verdict(count: 1, valueLength: most)))
        #expect(!isAllowed(verdict(count: 1, valueLength: most + 1)))
    }

    @Test func denyReasonIsCutToItsBound() throws {
        let reason = String(repeating: "x", count: HookLimits.denyReasonCharactersMax + 5)
        let verdict = HookContract.verdict([
            "allowProvisioning": false, "denyReason": .string(reason),
        ])
        #expect(verdict == .denied(reason: String(reason.dropLast(5))))
    }

    /// One character may be a letter under any number of accents, and a device may send one.
    @Test func denyReasonIsShortHoweverItIsComposed() throws {
        let reason = "a" + String(repeating: "\u{301}", count: 20_000)
        let verdict = HookContract.verdict([
            "allowProvisioning": false, "denyReason": .string(reason),
        ])
        guard case .denied(let kept?) = verdict else {
            Issue.record("ended as \(verdict)")
            return
        }
        #expect(kept.unicodeScalars.count == HookLimits.denyReasonCharactersMax)
    }

    @Test func denyReasonIsOneLine() throws {
        let verdict = HookContract.verdict([
            "allowProvisioning": false, "denyReason": "a\nb\u{85}c\u{2028}d\u{1B}e",
        ])
        #expect(verdict == .denied(reason: "a b c d e"))
    }
}
