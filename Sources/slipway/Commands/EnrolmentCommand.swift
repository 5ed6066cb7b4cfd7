import ArgumentParser
import ControlPlane
import Fleet
import JSON

struct EnrolmentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enrolment",
        abstract: "What was issued and never proven, seen again, or is held for a person.",
        discussion: """
            A certificate is issued when its device registers, and proven when the device first \
            connects with it. A serial number that comes with another key may be held: the device \
            is told to come back, and somebody decides. A certificate that two live connections \
            have is held likewise, where enrolment.onClone says so.

            Examples:
              slipway enrolment list --unproven --lot L42
              slipway enrolment list --held --json
              slipway enrolment list --verdict clone
              slipway enrolment decide CERTIFICATE allow --reason "board swapped at rework"
            """,
        subcommands: [List.self, Show.self, Decide.self])
}

extension EnrolmentCommand {
    struct List: ListingCommand {
        static let configuration = CommandConfiguration(
            abstract: "Enrolments that are not proven, that are held, or that were seen again.",
            discussion: """
                Without a flag, those that are not proven. Verdicts are retry, rework, elsewhere, \
                copiedImage and clone (one certificate on two live connections); their evidence \
                is in --json.

                Examples:
                  slipway enrolment list --unproven --lot L42
                  slipway enrolment list --verdict clone --json
                """)

        @Flag(help: "Registered, and never connected since (the default)") var unproven = false
        @Flag(help: "Held until somebody decides") var held = false
        @Option(
            help: ArgumentHelp(
                "What was seen again: \(List.verdicts.joined(separator: ", "))",
                valueName: "verdict"))
        var verdict: String?
        @Option(help: "Only those of this lot") var lot: String?
        @OptionGroup var options: CommandOptions

        static let verdicts = EnrolmentFinding.Kind.allCases.map(\.rawValue)

        func validate() throws {
            let isAlone = !self.unproven && self.lot == nil
            guard !self.held || (isAlone && self.verdict == nil) else {
                throw ValidationError("--held stands alone: leave the other options away")
            }
            guard let verdict = self.verdict else { return }
            guard isAlone else {
                throw ValidationError("--verdict stands alone: leave --unproven and --lot away")
            }
            guard Self.verdicts.contains(verdict) else {
                throw ValidationError(
                    "--verdict is one of \(Self.verdicts.joined(separator: ", "))")
            }
        }

        func listing(_ access: ControlAccess) -> Listing {
            guard self.verdict == nil else { return self.found }
            return Listing(
                ControlCall(
                    "ListEnrolments",
                    query: ["state": self.held ? "HELD" : "UNPROVEN", "lot": self.lot]),
                "enrolments", .after(sized: true),
                [
                    .init("CERTIFICATE", "certificateId"), .init("SERIAL", "serial"),
                    .init("THING", "thing"), .init("STATE", "state"), .init("STATION", "station"),
                    .init("LOT", "lot"),
                    .init("SINCE", "registeredAt"),
                ])
        }

        private var found: Listing {
            Listing(
                ControlCall(
                    "ListEnrolments", query: ["state": "FOUND", "verdict": self.verdict]),
                "enrolments", .after(sized: true),
                [
                    .init("CERTIFICATE", "certificateId"), .init("THING", "thing"),
                    .init("STATE", "state"), .init("POLICY", "policy"),
                    .init("FOUND", "foundAt"),
                ])
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "How a certificate was enrolled, and how far it has come.",
            discussion: "Example: slipway enrolment show CERTIFICATE --json")

        @Argument(help: "The certificate's id") var certificate: String
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let access = try await ControlAccess.open(self.settings)
                let answer = try await access.perform(
                    "DescribeEnrolment", path: try EnrolmentCommand.path(self.certificate))
                guard !self.json else { return Terminal.say(answer) }
                let rows = (answer.objectValue?.members ?? []).map { member in
                    [member.key, member.value.stringValue ?? member.value.description]
                }
                for line in Terminal.table(rows) { Terminal.say(line) }
            } catch { throw Failure.exit(error) }
        }
    }

    struct Decide: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Allow or refuse an enrolment that is held.",
            discussion: """
                Allowed, the device's next try is accepted and the certificate before it is \
                superseded; refused, its certificate is revoked, or, where its key is another \
                unit's, never becomes active. The certificate of a clone is active again, or \
                revoked. Either is in the audit log with who decided and why.

                Example: slipway enrolment decide CERTIFICATE refuse --reason "relabelled unit"
                """)

        @Argument(help: "The certificate's id") var certificate: String
        @Argument(help: "allow or refuse") var decision: String
        @Option(help: "Why, for the audit log") var reason: String?
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let access = try await ControlAccess.open(self.settings)
                var body: JSONObject = ["decision": .string(self.decision)]
                body["reason"] = self.reason.map { .string($0) }
                let answer = try await access.perform(
                    "DecideEnrolment", path: try EnrolmentCommand.path(self.certificate),
                    body: .object(body))
                guard !self.json else { return Terminal.say(answer) }
                Terminal.say(
                    self.decision == "allow"
                        ? "allowed: the device's next try, or connection, is accepted"
                        : answer["revoked"]?.boolValue == true
                            ? "refused: its certificate is revoked"
                            : "refused: its certificate never becomes active; its key stays whose "
                                + "it was")
            } catch { throw Failure.exit(error) }
        }
    }

    private static func path(_ id: String) throws(FleetError) -> [String: String] {
        ["certificateId": try CertificateID(id).rawValue]
    }
}
