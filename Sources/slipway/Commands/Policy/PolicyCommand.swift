import ArgumentParser
import ControlPlane
import Fleet
import JSON
import Policies

struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy",
        abstract: "Policy documents: what is wrong with one, what it says, who may do what.",
        discussion: """
            lint, explain, simulate and measure work on files, and need no service: the documents \
            are read and decided by the very code that the broker decides with. The others work \
            on the policies of a fleet:

              slipway policy create pump pump.json
              slipway policy attach pump CERTIFICATE
              slipway policy effective --thing pump-1 --principal CERTIFICATE
            """,
        subcommands: [
            Lint.self, Explain.self, Simulate.self, Measure.self, Create.self, List.self,
            Show.self, Delete.self, Attach.self, Detach.self, Targets.self, Effective.self,
            Version.self, Test.self,
        ])
}

/// A policy document in a file.
struct PolicyFile {
    let path: String
    let text: String

    /// - Parameters:
    ///   - path: `-` is standard input.
    ///   - bytesMax: what is beyond is not read; whoever reads the text says that it is too long.
    init(
        path: String, bytesMax: Int = PolicyLimits.documentBytesMax
    ) async throws(FleetError) {
        self.path = path
        var bytes: [UInt8] = []
        let chunks = try FileChunks(path: path)
        do {
            for try await chunk in chunks {
                bytes += chunk
                // One byte more is enough for the parser to say that it is too long.
                guard bytes.count <= bytesMax else { break }
            }
        } catch {
            throw FleetError(.invalidRequest, "the file '\(path)' cannot be read: \(error)")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw FleetError(.malformedPolicy, "'\(path)' is not UTF-8 text")
        }
        self.text = text
    }

    /// - Throws: `FleetError.malformedPolicy`, naming the file.
    func document(_ dialect: PolicyDialect) throws(FleetError) -> PolicyDocument {
        do throws(FleetError) {
            return try PolicyDocument.parse(self.text, dialect: dialect)
        } catch { throw FleetError(error.code, "\(self.path): \(error.message)") }
    }

    /// What decisions call it: the file's name, as far as a policy may be called so.
    var policyName: PolicyName {
        let file = self.path.split(separator: "/").last.map(String.init) ?? self.path
        let stem = file.hasSuffix(".json") ? String(file.dropLast(".json".count)) : file
        let bytes = stem.utf8.map { PolicyName.allows($0) ? $0 : UInt8(ascii: "_") }
        return PolicyName(
            checked: String(decoding: bytes.prefix(PolicyName.charactersMax), as: UTF8.self))
    }
}

/// Whose documents they are, and which service they are for.
struct PolicyDialectOptions: ParsableArguments {
    @Flag(help: "The documents say what people may do to the service, not what devices may")
    var rights = false

    var dialect: PolicyDialect {
        self.rights ? .access.knowing(OperationTable.all.map(\.action)) : .device
    }
}

extension PolicyCommand {
    struct Explain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say in words what each statement allows or denies.",
            discussion: """
                slipway policy explain pump.json

                Exit code 1 where a document cannot be read.
                """)

        @Argument(help: "Policy documents; - is standard input") var files: [String]
        @Flag(help: "Print JSON") var json = false
        @OptionGroup var dialect: PolicyDialectOptions

        func run() async throws {
            do throws(FleetError) {
                var all: [JSONValue] = []
                for path in self.files {
                    let file = try await PolicyFile(path: path)
                    let document = try file.document(self.dialect.dialect)
                    let statements = StatementWords.all(in: document)
                    all.append([
                        "file": .string(path), "statements": .array(statements.map(\.json)),
                    ])
                    guard !self.json else { continue }
                    if self.files.count > 1 { Terminal.say("\(path):") }
                    for (index, statement) in statements.enumerated() {
                        for line in statement.lines(number: index) { Terminal.say(line) }
                    }
                }
                if self.json { Terminal.say(.array(all)) }
            } catch { throw Failure.exit(error) }
        }
    }
}
