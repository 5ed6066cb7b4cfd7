import ArgumentParser
import Fleet
import JSON

extension ClaimCommand {
    /// AWS: CreateProvisioningClaim.
    struct Temporary: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "A claim for one template, which ends by itself within minutes.",
            discussion: """
                slipway claim temporary assembly-line --output bench-7

                Whoever holds it can register any number of devices until it ends; a claim with \
                --budget 1 ('slipway claim create') is for one.

                Needs the running service, which signs. NAME.pem, NAME.key and NAME.pub are made, \
                which must not be there; the private key is handed out this once.
                """)

        @Argument(help: "The template it is for") var template: String
        @Option(help: "Write NAME.pem, NAME.key and NAME.pub") var output: String
        @OptionGroup var options: CommandOptions

        func run() async throws {
            do throws(FleetError) {
                try await ClaimFiles.perform(
                    ControlCall(
                        "CreateProvisioningClaim", path: try TemplateCommand.path(self.template)),
                    output: self.output, self.options)
            } catch { throw Failure.exit(error) }
        }
    }
}
