import Foundation
import Testing

/// The real binary, run as its users run it.
enum Program {
    struct Result: Sendable {
        let status: Int32
        let output: String
        let errors: String
    }

    /// Beside the test bundle, where the build puts every product.
    static let path: String = {
        let bundle = URL(fileURLWithPath: CommandLine.arguments[0])
        let folder =
            bundle.path.hasSuffix(".xctest")
            ? bundle.deletingLastPathComponent()
            : Repository.root.appendingPathComponent(".build/debug")
        return folder.appendingPathComponent("slipway").path
    }()

    static func make(_ arguments: [String], environment: [String: String] = [:]) -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.path)
        process.arguments = arguments
        var all = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("SLIPWAY_") }
        // Services of parallel tests must not meet at the API's port.
        all["SLIPWAY_API_PORT"] = "0"
        all.merge(environment) { $1 }
        process.environment = all
        process.standardInput = FileHandle.nullDevice
        return process
    }

    static func run(
        _ arguments: String..., environment: [String: String] = [:]
    ) async throws -> Result {
        try await Self.run(arguments, environment: environment)
    }

    /// - Parameter directory: where it is started; nil is where the tests are.
    static func run(
        _ arguments: [String], environment: [String: String] = [:], in directory: String? = nil
    ) async throws -> Result {
        let process = Self.make(arguments, environment: environment)
        if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        async let outputText = Self.text(of: output)
        async let errorText = Self.text(of: errors)
        let status = try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        return Result(status: status, output: await outputText, errors: await errorText)
    }

    private static func text(of pipe: Pipe) async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                let data = pipe.fileHandleForReading.readDataToEndOfFile()
                continuation.resume(returning: String(decoding: data, as: UTF8.self))
            }
        }
    }
}

enum Repository {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
}

/// A folder of its own with the templates and hooks that ship; gone when the test is over.
final class Workshop: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("slipway-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        for folder in ["Templates", "Hooks"] {
            try FileManager.default.copyItem(
                at: Repository.root.appendingPathComponent(folder),
                to: url.appendingPathComponent(folder))
        }
        self.path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }

    func write(_ name: String, _ text: String) throws -> String {
        let file = "\(self.path)/\(name)"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        return file
    }

    func slipway(
        _ arguments: String..., environment: [String: String] = [:]
    ) async throws -> Program.Result {
        try await Program.run(
            arguments + ["--directory", self.path], environment: environment)
    }

    func initialized() async throws -> Workshop {
        let result = try await self.slipway("init")
        #expect(result.status == 0, "\(result.errors)")
        return self
    }

    /// Every file below `folder` with its bytes, mode and inode.
    func snapshot(_ folder: String) throws -> [String: String] {
        var files: [String: String] = [:]
        let base = "\(self.path)/\(folder)"
        for name in try FileManager.default.subpathsOfDirectory(atPath: base) {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(base)/\(name)")
            let data = FileManager.default.contents(atPath: "\(base)/\(name)") ?? Data()
            let mode = attributes[.posixPermissions] as? Int ?? 0
            files[name] =
                "\(String(mode, radix: 8)) \(attributes[.systemFileNumber] ?? "") "
                + data.base64EncodedString()
        }
        return files
    }
}

/// `slipway serve` on a port of its own, up until the test lets go.
final class RunningService: Sendable {
    let port: Int
    private let process: SendableProcess

    /// A process is set up by one test and signalled by it alone.
    private struct SendableProcess: @unchecked Sendable { let process: Process }

    init(_ workshop: Workshop, environment: [String: String] = [:]) async throws {
        let process = Program.make(
            ["serve", "--directory", workshop.path, "--listen-port", "0"],
            environment: environment)
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let line = await Self.firstLine(of: output)
        self.process = SendableProcess(process: process)
        self.port = try #require(
            Int(line.split(separator: ":").last ?? ""), "the service said '\(line)'")
    }

    private static func firstLine(of pipe: Pipe) async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var line: [UInt8] = []
                while let byte = try? pipe.fileHandleForReading.read(upToCount: 1)?.first,
                    byte != 0x0A
                {
                    line.append(byte)
                }
                continuation.resume(returning: String(decoding: line, as: UTF8.self))
            }
        }
    }

    /// Asks it to stop, and waits until it has.
    func stop() async -> Int32 {
        let process = self.process
        return await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                process.process.terminate()
                process.process.waitUntilExit()
                continuation.resume(returning: process.process.terminationStatus)
            }
        }
    }
}
