internal import Foundation

/// Compares text with a file kept in the `Golden` folder beside the test. With `UPDATE_GOLDEN=1`
/// in the environment the file is written instead, and the difference is reviewed in git.
package enum Golden {
    package struct Mismatch: Error, CustomStringConvertible {
        package let description: String
    }

    /// - Throws: `Mismatch`, with the first line that differs, or where there is no such file.
    package static func check(
        _ actual: String, _ name: String, besideFile file: String = #filePath
    ) throws {
        let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
            .appendingPathComponent("Golden")
        let path = folder.appendingPathComponent(name)
        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" {
            try FileManager.default.createDirectory(
                at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(actual.utf8).write(to: path)
            return
        }
        guard let data = FileManager.default.contents(atPath: path.path) else {
            throw Mismatch(
                description: "no golden file \(path.path); UPDATE_GOLDEN=1 writes it. Now:\n"
                    + actual)
        }
        let expected = String(decoding: data, as: UTF8.self)
        guard actual != expected else { return }
        throw Mismatch(description: Self.difference(actual, expected, name))
    }

    private static func difference(_ actual: String, _ expected: String, _ name: String) -> String {
        let found = actual.split(separator: "\n", omittingEmptySubsequences: false)
        let wanted = expected.split(separator: "\n", omittingEmptySubsequences: false)
        let line =
            zip(found, wanted).enumerated().first { $0.element.0 != $0.element.1 }?.offset
            ?? min(found.count, wanted.count)
        let foundLine = line < found.count ? String(found[line]) : "(the end)"
        let wantedLine = line < wanted.count ? String(wanted[line]) : "(the end)"
        return """
            differs from Golden/\(name) at line \(line + 1)
              expected: \(wantedLine)
              found:    \(foundLine)
            """
    }
}
