import ArgumentParser
import Fleet
import Foundation
import JSON

struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write a fleet as files that 'slipway apply' loads: everything but keys.",
        discussion: """
            slipway export my-fleet

            One JSON file for each role, hook, policy, type, group, template, authority and \
            claim, a CSV file for each allowlist, and one line for each certificate and thing. \
            What is attached to what is in the files. The folder must be empty, or not there.
            """)

    @Argument(help: "The folder", completion: .directory) var folder: String
    @Flag(help: "Print JSON") var json = false
    @OptionGroup(title: "Settings") var settings: LocationOptions

    func run() async throws {
        do throws(FleetError) {
            let folder = DeclaredFolder(path: self.folder)
            try folder.requireEmpty()
            let access = try await ControlAccess.open(self.settings)
            let counts = try await FleetCopy.write(
                from: access, DeclaredKind.allCases, to: folder)
            guard !self.json else {
                return Terminal.say(
                    .object(JSONObject(counts.map { ($0.kind.rawValue, .int($0.count)) })))
            }
            for count in counts where count.count > 0 {
                Terminal.say("\(count.count) in \(self.folder)/\(count.kind.place)")
            }
        } catch { throw Failure.exit(error) }
    }
}

/// From a service into files.
enum FleetCopy {
    /// Kinds that the service has not are told of on standard error, and left out.
    /// - Parameter members: what a thing is written without.
    static func write(
        from access: ControlAccess, _ kinds: [DeclaredKind], to folder: DeclaredFolder,
        leavingOut members: [String] = []
    ) async throws(FleetError) -> [(kind: DeclaredKind, count: Int)] {
        let meter = CountMeter("reading")
        var counts: [(kind: DeclaredKind, count: Int)] = []
        do {
            try FileManager.default.createDirectory(
                atPath: folder.path, withIntermediateDirectories: true)
        } catch {
            throw FleetError(
                .invalidRequest,
                "the folder '\(folder.path)' cannot be made: name one where you may write")
        }
        let skipped = { (kind: DeclaredKind, error: FleetError) in
            meter.clear()
            Terminal.complain("the service has no \(kind.place): \(error.message)")
        }
        for kind in kinds {
            var number = 0
            guard kind.form != .tables else {
                do throws(FleetError) {
                    number = try await AllowlistTable.export(access, to: folder) {
                        meter.show($0, of: nil, kind.place)
                    }
                } catch  where error.isOfUnknownOperation { skipped(kind, error) }
                counts.append((kind, number))
                continue
            }
            try await FleetExport(access: access, kinds: [kind]).run(
                skipped: skipped,
                counted: { kind, count in meter.show(count, of: nil, kind.place) },
                take: { resource throws(FleetError) in
                    number += 1
                    var state = resource.state
                    if kind == .thing { for member in members { state[member] = nil } }
                    try folder.write(
                        DeclaredResource(
                            kind: kind, name: resource.name, state: state,
                            origin: resource.origin))
                })
            counts.append((kind, number))
        }
        meter.clear()
        return counts
    }
}
