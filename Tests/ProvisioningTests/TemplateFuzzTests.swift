import Fleet
import Foundation
import JSON
import Provisioning
import TestSupport
import Testing

/// Any bytes end in findings or in a template that renders or refuses: no trap, no hang. The corpus
/// is what ships in Templates/, and the small and strange ones here.
@Suite struct TemplateFuzzTests {
    private static let cases = 3000
    private static let seed: UInt64 = 0x5EED_7E3F

    private static let corpus: [String] = {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Templates")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        let shipped = names.filter { $0.hasSuffix(".json") }.sorted().compactMap {
            try? String(contentsOf: folder.appendingPathComponent($0), encoding: .utf8)
        }
        return shipped + [
            "", "{}", "[]", "null", #"{"Resources":{}}"#,
            template(thing: #"{"ThingName": {"Fn::Sub": ["${A}${!B}${iot:C}", {"A": "x"}]}}"#),
            template(
                policies: [inlinePolicy(resource: #"{"Fn::Split": [",", {"Ref": "X"}]}"#)],
                sections: parametersXY),
        ]
    }()

    private static let words = [
        #"{"Ref":"X"}"#, #"{"Fn::Join":["",[]]}"#, #"{"Fn::Select":[0,[]]}"#, "\"", "\\", "{", "}",
        "[", "]", ",", ":", "null", "1e999", "\"Resources\"", "\"Slipway\"", "\u{0}", "${", "}",
        "é",
    ]

    @Test func noBytesTrapTheParserTheLintOrTheRenderer() {
        #expect(Self.corpus.count > 7)
        var random = SplitMix64(seed: Self.seed)
        for index in 0..<Self.cases {
            var bytes = Array(Self.corpus[Int(random.next() % UInt64(Self.corpus.count))].utf8)
            for _ in 0..<(random.next() % 4) { Self.mutate(&bytes, &random) }
            let body = String(decoding: bytes, as: UTF8.self)
            let report = TemplateChecker.check(body)
            #expect((report.document == nil) != report.findings.isEmpty, "case \(index)")
            _ = try? TemplateLint.report(of: body)
            guard let document = report.document else { continue }
            let sent = Dictionary(
                uniqueKeysWithValues: document.parameters.map { ($0.name, "\(random.next())*") })
            _ = try? TemplateRenderer.render(
                document,
                with: ResolvedParameters(
                    sent: sent, overrides: [:], document: document,
                    certificate: CertificateID(sha256: FakeIssuer.digest("d")), realm: .standard))
        }
    }

    private static func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
        let position = Int(random.next() % UInt64(bytes.count + 1))
        switch random.next() % 4 {
        case 0 where position < bytes.count:
            bytes[position] = UInt8(truncatingIfNeeded: random.next())
        case 1 where position < bytes.count:
            let end = min(bytes.count, position + Int(random.next() % 40))
            bytes.removeSubrange(position..<end)
        default:
            let word = Self.words[Int(random.next() % UInt64(Self.words.count))]
            bytes.insert(contentsOf: word.utf8, at: position)
        }
    }

    /// A megabyte of the worst each: one finding, or as many as the bound on values lets be.
    @Test(arguments: ["deep", "string", "members", "wide"])
    func aMegabyteIsJudgedUnderALargerBoundToo(_ name: String) {
        let body = Self.megabyte(name)
        #expect(TemplateChecker.check(body).findings.map(\.rule) == [.unreadable])
        let report = TemplateChecker.check(
            body, limits: TemplateLimits(bodyBytesMax: 2 << 20))
        #expect(report.document == nil, "\(name)")
        #expect(!report.findings.isEmpty)
    }

    private static func megabyte(_ name: String) -> String {
        switch name {
        case "deep": return String(repeating: "[", count: 1 << 20)
        case "string": return "\"" + String(repeating: "x", count: 1 << 20) + "\""
        case "members":
            var text = "{"
            for index in 0..<60_000 { text += "\"k\(index)\":\"v\"," }
            return text + "\"last\":\"v\"}"
        default:
            let items = String(repeating: "\"x\",", count: 200_000)
            return template(
                thing: "{\"ThingName\": {\"Fn::Join\": [\"\",[\(items)\"x\"]]}}")
        }
    }
}
