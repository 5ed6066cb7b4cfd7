import Foundation
import Testing

/// Documentation/template-authoring.md and templates.md show what happens: their commands are run
/// one after the other, as a reader would, and say what the page says they do.
@Suite struct TemplatePageScenarios {
    private struct Example {
        let line: Int
        let command: String
        let output: [String]
    }

    /// Fenced blocks, each with the line it begins on and the word after its fence.
    private static func blocks(
        of page: String
    ) throws -> [(line: Int, kind: String, lines: [String])] {
        let path = Repository.root.appendingPathComponent("Documentation/\(page)")
        let text = try String(contentsOf: path, encoding: .utf8)
        var blocks: [(line: Int, kind: String, lines: [String])] = []
        var open: (line: Int, kind: String, lines: [String])?
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            guard line.hasPrefix("```") else {
                open?.lines.append(String(line))
                continue
            }
            if let block = open {
                blocks.append(block)
                open = nil
            } else {
                open = (index + 1, String(line.dropFirst(3)), [])
            }
        }
        return blocks
    }

    private static func examples(of page: String) throws -> [Example] {
        try Self.blocks(of: page).compactMap { block in
            guard let first = block.lines.first, first.hasPrefix("$ slipway ") else { return nil }
            return Example(
                line: block.line, command: String(first.dropFirst("$ slipway ".count)),
                output: Array(block.lines.dropFirst()))
        }
    }

    /// The words of a command as a shell parts them, as far as the page needs it.
    private static func words(_ command: String) -> [String] {
        var words: [String] = []
        for (index, part) in command.split(separator: "'", omittingEmptySubsequences: false)
            .enumerated()
        {
            if index.isMultiple(of: 2) {
                words += part.split(separator: " ").map(String.init)
            } else {
                words.append(String(part))
            }
        }
        return words
    }

    /// What the page leaves out or cannot know: `…`, times, digests, who is asking, the width of
    /// columns.
    private static func pattern(_ line: String) throws -> Regex<AnyRegexOutput> {
        var pattern = ""
        for piece in line.split(separator: " ", omittingEmptySubsequences: true) {
            let isTime = piece.contains(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
            let isDigest = piece.contains(/^[0-9a-fA-F]{12,64},?$/)
            let word: String
            if isTime || isDigest || piece == "root" {
                word = #"\S+"#
            } else {
                word = piece.split(separator: "…", omittingEmptySubsequences: false)
                    .map { NSRegularExpression.escapedPattern(for: String($0)) }
                    .joined(separator: ".*")
            }
            pattern += (pattern.isEmpty ? "" : " +") + word
        }
        return try Regex("^ *\(pattern) *$")
    }

    private func check(_ page: String, in workshop: Workshop) async throws {
        for example in try Self.examples(of: page) {
            let result = try await Program.run(
                Self.words(example.command), in: workshop.path)
            let found = (result.output + result.errors).split(
                separator: "\n", omittingEmptySubsequences: false)
            var rest = found[...]
            for line in example.output where !line.isEmpty && !line.contains("… the document …") {
                let pattern = try Self.pattern(line)
                let place = rest.firstIndex { $0.contains(pattern) }
                #expect(
                    place != nil,
                    """
                    \(page):\(example.line), \(example.command): no '\(line)' in
                    \(found.joined(separator: "\n"))
                    """)
                if let place { rest = rest[(place + 1)...] }
            }
        }
    }

    @Test func theTourSaysWhatItSays() async throws {
        let page = "template-authoring.md"
        #expect(try Self.examples(of: page).count >= 12)
        let workshop = try await Workshop().initialized()
        let described = try #require(try Self.blocks(of: page).first { $0.kind == "json" })
        _ = try workshop.write("before.json", described.lines.joined(separator: "\n"))
        _ = try workshop.write("made-today.txt", "SN-000001\nSN-000002\nX-1\nSN-000002\n")
        let body = try String(
            contentsOfFile: "\(workshop.path)/Templates/demo-sensor.json", encoding: .utf8)
        _ = try workshop.write("next.json", body.replacing("\"60\"", with: "\"90\""))
        try await self.check(page, in: workshop)
    }

    @Test func theReferenceSaysWhatItSays() async throws {
        let page = "templates.md"
        #expect(try Self.examples(of: page).count == 2)
        let workshop = try Workshop()
        func body(_ name: String, _ more: String = "") -> String {
            """
            {"Parameters": {"Serial": {"Type": "String"}},
             "Resources": {
              "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "\(name)"}\(more)},
               "OverrideSettings": {"ThingGroups": "FAIL"}},
              "certificate": {"Type": "AWS::IoT::Certificate",
               "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}}}}}
            """
        }
        _ = try workshop.write("pump.json", body("Serail"))
        _ = try workshop.write(
            "packaged.json", body("Serial", #", "PackageVersions": {"app": "1.0"}"#))
        try await self.check(page, in: workshop)
    }
}
