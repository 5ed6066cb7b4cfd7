import Foundation
import Testing

/// The house rules that a machine can see.
@Suite struct HouseRules {
    private static let columnsMax = 100
    private static let fileLinesMax = 500
    private static let functionLinesMax = 70
    /// Words that must stand beside a sentence which proves them.
    private static let needsProof = [
        "try!", "as!", "@unchecked Sendable", "nonisolated(unsafe)", "fatalError(",
    ]
    private static let forbiddenNames: Set<String> = [
        "Utils", "Util", "Helpers", "Helper", "Common", "Manager", "Misc", "Base", "New",
    ]

    @Test func linesFitAHundredColumns() {
        for file in Repository.sources + Repository.tests {
            for (index, line) in file.lines.enumerated() where line.count > Self.columnsMax {
                // A test vector may be one long string.
                guard file.path.hasPrefix("Sources/") || !line.contains("\"") else { continue }
                Issue.record("\(file):\(index + 1): \(line.count) columns")
            }
        }
    }

    @Test func sourceFilesHoldOneIdea() {
        for file in Repository.sources where file.lines.count > Self.fileLinesMax {
            Issue.record("\(file): \(file.lines.count) lines; at most \(Self.fileLinesMax)")
        }
    }

    @Test func functionsFitAScreen() {
        for file in Repository.sources {
            for (name, line, length) in Self.functions(in: file)
            where length > Self.functionLinesMax {
                Issue.record("\(file):\(line): \(name) has \(length) lines")
            }
        }
    }

    @Test func namesSaySomething() {
        for file in Repository.sources + Repository.tests {
            let components = file.path.split(separator: "/").map {
                $0.replacingOccurrences(of: ".swift", with: "")
            }
            for component in components where Self.forbiddenNames.contains(component) {
                Issue.record("\(file): a folder or file called \(component) says nothing")
            }
            for line in file.lines {
                let words = line.split { !$0.isLetter && !$0.isNumber && $0 != "_" }
                for (keyword, name) in zip(words, words.dropFirst())
                where ["struct", "class", "enum", "actor", "protocol"].contains(keyword) {
                    let ending = Self.forbiddenNames.first { name.hasSuffix($0) }
                    guard let ending, !line.contains("//") else { continue }
                    Issue.record("\(file): the type \(name) ends in \(ending)")
                }
            }
        }
    }

    @Test func escapeHatchesStandBesideTheirProof() {
        for file in Repository.sources {
            let lines = file.lines
            for (index, line) in lines.enumerated() {
                let code = line.components(separatedBy: "//")[0]
                for word in Self.needsProof where code.contains(word) {
                    let before = lines[max(0, index - 8)..<index]
                    let explained =
                        line.contains("//") || before.contains { $0.contains("//") }
                    #expect(explained, "\(file):\(index + 1): \(word) without its proof")
                }
            }
        }
    }

    @Test func nothingIsLeftForLaterWithoutAnIssue() {
        for file in Repository.sources + Repository.tests
        where !file.path.hasPrefix("Tests/TidyTests/") {
            for (index, line) in file.lines.enumerated()
            where line.contains("TODO") || line.contains("FIXME") || line.contains("XXX") {
                Issue.record("\(file):\(index + 1): \(line)")
            }
        }
    }

    @Test func noClockNoChanceNoSleepOutsideTheCompositionRoot() {
        for file in Repository.sources where file.module != "slipway" {
            for (index, line) in file.lines.enumerated() {
                let code = line.components(separatedBy: "//")[0]
                for word in ["Date()", ".random(", "Task.sleep", "usleep(", " sleep("]
                where code.contains(word) && !Self.mayUseChance(file, word) {
                    Issue.record("\(file):\(index + 1): \(word) belongs to the composition root")
                }
            }
        }
    }

    /// The simulator is its own composition root: it plays the world that a service meets.
    private static func mayUseChance(_ file: Repository.File, _ word: String) -> Bool {
        file.module == "DeviceSimulation" && word == ".random("
    }

    /// Functions by indentation: from a line that declares one to the brace that closes it at the
    /// same column.
    /// A switch over every kind of record or change is a table: its `case` rows name the kinds and
    /// are not counted, what is done for each is.
    private static func functions(
        in file: Repository.File
    ) -> [(name: String, line: Int, length: Int)] {
        var found: [(String, Int, Int)] = []
        let lines = file.lines
        for (index, line) in lines.enumerated() {
            let indent = line.prefix { $0 == " " }
            let words = line.split(separator: " ")
            guard let keyword = words.firstIndex(where: { $0 == "func" || $0.hasPrefix("init(") }),
                words[..<keyword].allSatisfy({ $0.allSatisfy { $0.isLetter || $0 == "@" } })
            else { continue }
            // What is closed on its own line is no longer than that.
            let end =
                line.hasSuffix("}")
                ? index : lines[index...].firstIndex { $0.hasPrefix("\(indent)}") }
            guard let end else { continue }
            let name = words[min(keyword + 1, words.count - 1)]
            let length = lines[index...end].count { !$0.drop { $0 == " " }.hasPrefix("case ") }
            found.append((String(name.prefix { $0 != "(" }), index + 1, length))
        }
        return found
    }
}
