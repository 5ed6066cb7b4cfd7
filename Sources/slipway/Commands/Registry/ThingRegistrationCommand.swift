import ArgumentParser
import Fleet
import JSON

extension ThingCommand {
    /// AWS: RegisterThing.
    struct Register: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Register a device by a template: thing, certificate, policy, all or none.",
            discussion: """
                slipway thing register sensor.json --parameter SerialNumber=S-1 --output S-1

                Needs the running service, which signs. Many devices are 'slipway register-things'.
                """)

        @Argument(help: "The template; - is standard input", completion: .file())
        var template: String
        @Option(help: "NAME=VALUE; may be given several times") var parameter: [NamedValue] = []
        @Option(help: "Write NAME.pem, which must not be there") var output: String?
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) async throws(FleetError) -> ControlCall {
            ControlCall(
                "RegisterThing",
                body: [
                    "templateBody": .string(try await TextFile.read(self.template)),
                    "parameters": try self.parameter.object(),
                ])
        }

        func run() async throws {
            do throws(FleetError) {
                let files = self.output.map { CertificateFiles(stem: $0) }
                try files?.requireAbsent()
                let access = try await ControlAccess.open(self.options.settings)
                let answer = try await access.perform(try await self.call(access))
                try files?.write(answer)
                guard !self.options.json else { return Terminal.say(answer) }
                self.tell(answer)
            } catch { throw Failure.exit(error) }
        }
    }
}
