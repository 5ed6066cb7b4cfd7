import Foundation

/// The checkout these tests stand in, read as text.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    struct File: CustomStringConvertible, Sendable {
        /// Relative to the root: `Sources/MQTT/Packet.swift`.
        let path: String
        let text: String
        var lines: [Substring] {
            self.text.split(separator: "\n", omittingEmptySubsequences: false)
        }
        /// The target a source file belongs to: `MQTT`.
        var module: String { String(self.path.split(separator: "/").dropFirst().first ?? "") }
        var description: String { self.path }
    }

    /// Every file below `folders` whose name ends in one of `extensions`, build output left out.
    static func files(in folders: [String], _ extensions: Set<String>) -> [File] {
        var files: [File] = []
        for folder in folders {
            let base = Self.root.appendingPathComponent(folder)
            guard let walk = FileManager.default.enumerator(atPath: base.path) else { continue }
            for case let name as String in walk {
                guard extensions.contains((name as NSString).pathExtension),
                    !name.split(separator: "/").contains(where: { $0.hasPrefix(".") }),
                    let text = try? String(
                        contentsOf: base.appendingPathComponent(name), encoding: .utf8)
                else { continue }
                files.append(File(path: "\(folder)/\(name)", text: text))
            }
        }
        return files.sorted { $0.path < $1.path }
    }

    static let sources = Self.files(in: ["Sources"], ["swift"])
    static let tests = Self.files(in: ["Tests"], ["swift"])

    /// What git tracks, or would track once added; nil outside a checkout.
    static func trackedFiles() -> [String]? {
        let git = Process()
        git.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        git.arguments = [
            "git", "-C", Self.root.path, "ls-files", "--cached", "--others", "--exclude-standard",
        ]
        let output = Pipe()
        git.standardOutput = output
        git.standardError = FileHandle.nullDevice
        guard (try? git.run()) != nil else { return nil }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        git.waitUntilExit()
        guard git.terminationStatus == 0 else { return nil }
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
