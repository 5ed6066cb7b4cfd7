import Foundation
import Testing

/// What must never be committed, and what must stay reachable.
@Suite struct TrackedFiles {
    @Test func noPrivateKeyIsTracked() throws {
        for path in try #require(Repository.trackedFiles()) {
            #expect(!path.hasSuffix(".key"), "\(path) is a key file")
            guard let text = try? Self.text(path) else { continue }
            // Not by "\n" alone: CR LF is one character, and no separator then.
            let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            for (line, next) in zip(lines, lines.dropFirst())
            where line.hasPrefix("-----BEGIN ") && line.hasSuffix("PRIVATE KEY-----") {
                let isBody = next.count >= 40 && next.allSatisfy(Self.isBase64)
                #expect(!isBody, "\(path) holds a private key")
            }
        }
    }

    @Test func noBuildOutputIsTracked() throws {
        for path in try #require(Repository.trackedFiles()) {
            let parts = path.split(separator: "/")
            for part in [".build", "Package.resolved", ".venv", "__pycache__", "var"]
            where parts.first == part[...] || parts.last == part[...] {
                Issue.record("\(path) is output")
            }
        }
    }

    @Test func linksInDocumentsLeadSomewhere() throws {
        for path in try #require(Repository.trackedFiles()) where path.hasSuffix(".md") {
            let folder = (path as NSString).deletingLastPathComponent
            for target in Self.links(in: try Self.text(path)) {
                let place = Repository.root.appendingPathComponent(folder)
                    .appendingPathComponent(target)
                #expect(
                    FileManager.default.fileExists(atPath: place.path),
                    "\(path) links to \(target), which is not there")
            }
        }
    }

    private static func text(_ path: String) throws -> String {
        try String(
            contentsOf: Repository.root.appendingPathComponent(path), encoding: .utf8)
    }

    private static func isBase64(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "+/=".contains(character))
    }

    /// Relative link targets, without their fragment.
    private static func links(in text: String) -> [String] {
        text.components(separatedBy: "](").dropFirst().compactMap { rest in
            let target = rest.prefix { $0 != ")" && $0 != "#" }
            guard !target.isEmpty, !target.contains("://"), !target.hasPrefix("mailto:") else {
                return nil
            }
            return String(target)
        }
    }
}
