import ArgumentParser
import Fleet
import Foundation
import JSON

struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Bring in a fleet from elsewhere.",
        subcommands: [AWS.self])

    struct AWS: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "aws",
            abstract: "Pull templates, policies, types, groups, things, CAs and more from AWS IoT.",
            discussion: """
                slipway import aws --profile prod --plan
                slipway import aws --profile prod --yes
                slipway import aws --profile prod --folder from-aws

                Reads the account through its own API with the profile's access key, which needs \
                the actions iot:Describe*, iot:Get* and iot:List*. Then it is as with 'slipway \
                apply': a plan first, and a second time changes nothing. Device certificates come \
                with --certificates; private keys never do. A CA in mode DEFAULT needs proof that \
                its key is held: use --folder, add it, and apply. What a certificate provider or \
                a template names is a function there and a hook here: write a hook of the \
                function's name first.
                """)

        @Option(help: "A profile of AWS's credentials file; else AWS_ACCESS_KEY_ID is used")
        var profile: String?
        @Option(help: "The region; else the profile's, or AWS_REGION") var region: String?
        @Option(
            name: .customLong("endpoint-url"),
            help: "Another service that speaks AWS IoT's API; else AWS's own in the region")
        var source: String?
        @Option(help: "Write files into this folder for 'slipway apply', and change nothing")
        var folder: String?
        @Flag(help: "Device certificates as well, and what they are attached to")
        var certificates = false
        @OptionGroup var options: PlanOptions
        @Option(help: "A JSON file with settings (also SLIPWAY_CONFIG)") var config: String?
        @Option(help: "The folder of the fleet that is imported into") var directory: String?
        @Option(help: "Its database, socket and run-time files") var dataDirectory: String?

        func run() async throws {
            var code: Int32 = 0
            do throws(FleetError) {
                let folder = DeclaredFolder(
                    path: self.folder ?? Self.temporaryFolder(), name: self.folder ?? "aws")
                defer {
                    if self.folder == nil {
                        try? FileManager.default.removeItem(atPath: folder.path)
                    }
                }
                try folder.requireEmpty()
                try await self.pull(into: folder)
                guard self.folder == nil else {
                    return Terminal.say("look through it, then: slipway apply \(folder.path)")
                }
                let access = try await ControlAccess.open(self.location)
                // What another service lets in is not the importer's to mend.
                code = try await FleetApplication(
                    access: access, options: self.options, keepsGoing: true
                ).run(folder)
            } catch { throw Failure.exit(error) }
            guard code == 0 else { throw ExitCode(code) }
        }

        private var location: LocationOptions {
            var options = LocationOptions()
            options.config = self.config
            options.directory = self.directory
            options.dataDirectory = self.dataDirectory
            options.endpointURL = nil
            return options
        }

        private static func temporaryFolder() -> String {
            FileManager.default.temporaryDirectory
                .appendingPathComponent("slipway-import-\(UUID().uuidString)").path
        }

        private func pull(into folder: DeclaredFolder) async throws(FleetError) {
            let environment = ProcessInfo.processInfo.environment
            let profile = try await ClientProfile.read(
                named: self.profile, region: self.region, environment: environment)
            let endpoint = try ControlEndpoint(
                self.source, signer: profile.signer, authority: environment["AWS_CA_BUNDLE"])
            let kinds = DeclaredKind.allCases.filter { kind in
                kind.isAWS && kind != .setting && (kind != .certificate || self.certificates)
            }
            let counts = try await FleetCopy.write(
                from: .service(ControlClient(endpoint)), kinds, to: folder,
                leavingOut: self.certificates ? [] : ["certificates", "exclusiveCertificates"])
            guard !self.options.json else { return }
            let told = counts.filter { $0.count > 0 }.map { "\($0.count) \($0.kind.rawValue)" }
            Terminal.complain("found: \(told.isEmpty ? "nothing" : told.joined(separator: ", "))")
        }
    }
}
