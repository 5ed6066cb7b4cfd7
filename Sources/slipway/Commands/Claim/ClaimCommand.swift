import ArgumentParser
import Fleet
import JSON

struct ClaimCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "claim",
        abstract: "Claims: what a line may provision with, how much of it, and what it spent.",
        discussion: """
            A claim is a name, terms and one or more certificates. Its budget is spent in the \
            very transaction that registers a device, so that it cannot be overdrawn; a device \
            that comes again under the same name counts once.

            slipway claim create line-4 --template assembly-line --budget 5000 \
              --serials SN-000001..SN-005000 --network 10.4.0.0/16 --station station-4 \
              --lot L2026-48 --shift 'mon-fri 06:00-22:00 +01:00' --output line-4
            slipway claim show line-4
            slipway claim limit line-4 --budget 6000
            slipway claim disable line-4 --reason 'line stopped'
            slipway claim rotate line-4 --output line-4-b
            slipway claim revoke line-4 --reason 'key leaked'
            slipway claim temporary assembly-line --output bench-7
            """,
        subcommands: [
            Create.self, List.self, Show.self, Limit.self, Disable.self, Enable.self, Revoke.self,
            Rotate.self, Temporary.self,
        ])

    /// Judged before it becomes part of a path.
    static func path(_ name: String) throws(FleetError) -> [String: String] {
        ["claim": try ClaimName(name).rawValue]
    }
}

/// The terms of a claim, as options.
struct ClaimTermOptions: ParsableArguments {
    @Option(name: .customLong("template"), help: "A template it may use; again for another")
    var templates: [String] = []
    @Option(help: "How many units it may register") var budget: Int?
    @Option(help: "How often one and the same unit may be registered with it")
    var registrationsPerUnit: Int?
    @Option(help: "How many certificates may wait to be registered") var pendingMax: Int?
    @Option(help: "How many certificates it may ask for in a minute") var perMinute: Int?
    @Option(help: "When it begins to work: 2026-12-01T06:00:00Z") var notBefore: String?
    @Option(help: "When it ends") var notAfter: String?
    @Option(
        name: .customLong("network"),
        help: "An address or range it may be used from: 10.4.0.0/16; again for another")
    var networks: [String] = []
    @Option(help: "Serial numbers it may register, FIRST..LAST: SN-000001..SN-000500")
    var serials: String?
    @Option(
        name: .customLong("shift"),
        help: "Hours it works in: 'mon-fri 06:00-14:00 +01:00'; again for another")
    var shifts: [String] = []
    @Option(help: "The station, for the provenance of what it makes") var station: String?
    @Option(help: "The lot, likewise") var lot: String?

    var body: JSONObject {
        var body = JSONObject()
        func texts(_ name: String, _ texts: [String]) {
            if !texts.isEmpty { body[name] = .array(texts.map { .string($0) }) }
        }
        func number(_ name: String, _ number: Int?) { body[name] = number.map { .int($0) } }
        func text(_ name: String, _ text: String?) { body[name] = text.map { .string($0) } }
        texts("templates", self.templates)
        number("budget", self.budget)
        number("registrationsPerUnit", self.registrationsPerUnit)
        number("pendingMax", self.pendingMax)
        number("perMinute", self.perMinute)
        text("notBefore", self.notBefore)
        text("notAfter", self.notAfter)
        texts("networks", self.networks)
        text("serials", self.serials)
        texts("shifts", self.shifts)
        text("station", self.station)
        text("lot", self.lot)
        return body
    }
}

extension ClaimCommand {
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a claim and its first certificate.",
            discussion: """
                slipway claim create line-4 --template assembly-line --budget 5000 --output line-4

                Needs the running service, which signs. NAME.pem, NAME.key and NAME.pub are made, \
                which must not be there; the private key is handed out this once.
                """)

        @Argument(help: "The claim's name") var name: String
        @OptionGroup(title: "Terms") var terms: ClaimTermOptions
        @Option(help: "How long its certificate is valid, in days") var validityDays: Int?
        @Option(help: "Write NAME.pem, NAME.key and NAME.pub") var output: String
        @OptionGroup var options: CommandOptions

        func run() async throws {
            var body = self.terms.body
            body["name"] = .string(self.name)
            body["validityDays"] = self.validityDays.map { .int($0) }
            try await ClaimFiles.make(
                ControlCall("CreateClaim", body: body), output: self.output, self.options)
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a claim a new certificate; the old ones are revoked.",
            discussion: """
                slipway claim rotate line-4 --output line-4-b
                slipway claim rotate line-4 --keep-old --output line-4-b

                Budget and spend stay. With --keep-old both work until the claim is rotated again \
                or the old one is revoked with slipway cert.
                """)

        @Argument(help: "The claim's name") var name: String
        @Flag(help: "Do not revoke the certificates it had") var keepOld = false
        @Option(help: "How long the new certificate is valid, in days") var validityDays: Int?
        @Option(help: "Write NAME.pem, NAME.key and NAME.pub") var output: String
        @OptionGroup var options: CommandOptions

        func run() async throws {
            do throws(FleetError) {
                var body: JSONObject = ["keepOld": .bool(self.keepOld)]
                body["validityDays"] = self.validityDays.map { .int($0) }
                let path = try ClaimCommand.path(self.name)
                try await ClaimFiles.perform(
                    ControlCall("RotateClaim", path: path, body: body), output: self.output,
                    self.options)
            } catch { throw Failure.exit(error) }
        }
    }

    struct List: ListingCommand {
        static let configuration = CommandConfiguration(
            abstract: "Every claim with what it has spent.")

        @Option(name: .customLong("where"), help: "MEMBER:VALUE, such as status:ACTIVE or lot:B-*")
        var filter: String?
        @OptionGroup var pages: PageOptions
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) throws(FleetError) -> Listing {
            Listing(
                ControlCall("ListClaims"), "claims", .after(sized: true),
                [
                    .init("CLAIM", "name"), .init("STATUS", "status"), .init("SPENT", "spent"),
                    .init("BUDGET", "budget"), .init("TEMPLATES", "templates"),
                    .init("STATION", "station"), .init("LOT", "lot"), .init("ENDS", "notAfter"),
                ], where: try RowFilter(self.filter))
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "One claim: its terms, and its spend by hour and station.",
            discussion: """
                UNITS are new devices, REPEATS those that came again and counted no second time. \
                Exit code 2 where the budget is spent.
                """)

        @Argument(help: "The claim's name") var name: String
        @OptionGroup var options: CommandOptions

        func run() async throws {
            do {
                let access = try await ControlAccess.open(self.options.settings)
                let path = try ClaimCommand.path(self.name)
                let claim = try await access.perform(ControlCall("DescribeClaim", path: path))
                let listing = Listing(
                    ControlCall("ListClaimSpend", path: path), "spend", .after(sized: true),
                    [
                        .init("HOUR", "hour"), .init("STATION", "station"),
                        .init("UNITS", "units"), .init("REPEATS", "repeats"),
                    ])
                if self.options.json {
                    var hours: [JSONValue] = []
                    try await listing.forEach(access) { hours.append($0) }
                    var answer = claim.objectValue ?? [:]
                    answer["spend"] = .array(hours)
                    Terminal.say(.object(answer))
                } else {
                    Details.say(claim)
                    if claim["spent"]?.intValue ?? 0 > 0 {
                        Terminal.say("")
                        try await listing.say(access, json: false)
                    }
                }
                if claim["remaining"]?.intValue == 0 { throw ExitCode(2) }
            } catch let error as FleetError { throw Failure.exit(error) }
        }
    }

    struct Limit: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a claim other terms; those not named stay.",
            discussion: """
                slipway claim limit line-4 --budget 6000 --per-minute 30
                slipway claim limit line-4 --clear networks --clear shifts

                What was spent stays spent: a budget below it stops the claim.
                """)

        @Argument(help: "The claim's name") var name: String
        @OptionGroup(title: "Terms") var terms: ClaimTermOptions
        @Option(
            help: """
                A term to take away, by its name in JSON: budget, perMinute, notBefore, notAfter, \
                networks, serials, shifts, station, lot; again for another
                """)
        var clear: [String] = []
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            var body = self.terms.body
            for name in self.clear {
                // Whichever won, a bound that somebody asked for might be gone.
                guard body[name] == nil else {
                    throw FleetError(
                        .invalidRequest, "'\(name.clipped)' is given and cleared: say one of them")
                }
                body[name] = .null
            }
            guard !body.isEmpty else {
                throw FleetError(.invalidRequest, "name a term to change: see --help")
            }
            return ControlCall("LimitClaim", path: try ClaimCommand.path(self.name), body: body)
        }
    }

    struct Disable: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop a claim at once; enable lets it go on.")
        @Argument(help: "The claim's name") var name: String
        @Option(help: "Why, for the record") var reason: String?
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            try ClaimCommand.status("DISABLED", self.name, self.reason)
        }
        func tell(_ answer: JSONValue) {
            Terminal.say("claim \(self.name) is disabled" + ClaimCommand.before(answer))
        }
    }

    struct Enable: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a disabled claim go on.")
        @Argument(help: "The claim's name") var name: String
        @Option(help: "Why, for the record") var reason: String?
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            try ClaimCommand.status("ACTIVE", self.name, self.reason)
        }
        func tell(_ answer: JSONValue) {
            Terminal.say("claim \(self.name) is active" + ClaimCommand.before(answer))
        }
    }

    struct Revoke: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a claim and revoke its certificates, for good.",
            discussion: """
                Its connections end at once. What it has issued is not touched: slipway cert \
                revokes those. A claim that is revoked already stays so; another --reason takes \
                the place of the one before, and the audit log keeps both.
                """)
        @Argument(help: "The claim's name") var name: String
        @Option(help: "Why, for the record") var reason: String?
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            try ClaimCommand.status("REVOKED", self.name, self.reason)
        }
        func tell(_ answer: JSONValue) {
            Terminal.say(
                "claim \(self.name) is revoked; it had registered "
                    + "\(answer["spent"]?.intValue ?? 0) units" + ClaimCommand.before(answer))
        }
    }

    /// What to add where the claim had the status already; empty where it had not.
    private static func before(_ answer: JSONValue) -> String {
        guard answer["wasSo"] == true else { return "" }
        let reason = answer["statusReason"]?.stringValue
        let before = answer["reasonBefore"]?.stringValue
        let words =
            switch (before, reason) {
            case (_, nil): ""
            case (nil, let now?): ", from now on because of '\(now)'"
            case (let then?, let now?) where then == now: ", because of '\(then)'"
            case (let then?, let now?): ", because of '\(then)' and from now on '\(now)'"
            }
        return ": it was so already, since \(answer["statusChangedAt"]?.stringValue ?? "?")" + words
    }

    private static func status(
        _ status: String, _ name: String, _ reason: String?
    ) throws(FleetError) -> ControlCall {
        var body: JSONObject = ["status": .string(status)]
        body["reason"] = reason.map { .string($0) }
        return ControlCall("SetClaimStatus", path: try Self.path(name), body: body)
    }
}

/// A claim's new certificate and key, in files beside each other.
enum ClaimFiles {
    static func make(_ call: ControlCall, output: String, _ options: CommandOptions) async throws {
        do throws(FleetError) {
            try await Self.perform(call, output: output, options)
        } catch { throw Failure.exit(error) }
    }

    static func perform(
        _ call: ControlCall, output: String, _ options: CommandOptions
    ) async throws(FleetError) {
        let files = CertificateFiles(stem: output)
        try files.requireAbsent()
        let access = try await ControlAccess.openRunning(options.settings)
        var answer = try await access.perform(call).objectValue ?? [:]
        try files.write(.object(answer))
        // The key is in its file, and nowhere else.
        answer["keyPair"] = nil
        answer["certificatePem"] = nil
        guard !options.json else { return Terminal.say(.object(answer)) }
        Terminal.say(
            "claim \(answer["name"]?.stringValue ?? "for minutes"): certificate "
                + "\(answer["certificateId"]?.stringValue ?? "") in \(output).pem, its key in "
                + "\(output).key")
    }
}
