import ArgumentParser
import Fleet
import JSON

/// Units of a list, on the command line.
struct AllowlistUnitsOptions: ParsableArguments {
    @Argument(help: "The list's name") var list: String
    @Argument(help: "Serial numbers") var serials: [String]

    func call(
        _ step: String, reason: String? = nil, station: String? = nil, seconds: Int? = nil
    ) throws(FleetError) -> ControlCall {
        var body: JSONObject = [
            "step": .string(step), "serials": .array(self.serials.map { .string($0) }),
        ]
        body["reason"] = reason.map { .string($0) }
        body["station"] = station.map { .string($0) }
        body["seconds"] = seconds.map { .int($0) }
        return ControlCall(
            "SetAllowlistState", path: try AllowlistCommand.path(self.list), body: body)
    }

    func tell(_ answer: JSONValue, _ word: String) {
        let changed = answer["changed"]?.intValue ?? 0
        Terminal.say("\(self.list): \(changed) of \(self.serials.count) \(word)")
    }
}

extension AllowlistCommand {
    struct Hold: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put units on hold: known, not yet released.",
            discussion: """
                slipway allowlist hold line SN-000007 --reason 'burn-in'

                A device on hold is told to come again (429), and not that it is unknown.
                """)
        @OptionGroup var units: AllowlistUnitsOptions
        @Option(help: "Why, for the record") var reason: String?
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            try self.units.call("hold", reason: self.reason)
        }
        func tell(_ answer: JSONValue) { self.units.tell(answer, "put on hold") }
    }

    struct Release: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Release units: from hold, from a block, or for rework.",
            discussion: "slipway allowlist release line SN-000007 --reason 'RMA 4711'")
        @OptionGroup var units: AllowlistUnitsOptions
        @Option(help: "Why, for the record") var reason: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            try self.units.call("release", reason: self.reason)
        }
        func tell(_ answer: JSONValue) { self.units.tell(answer, "released") }
    }

    struct Block: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Block units: they are refused from now on.",
            discussion: """
                slipway allowlist block line SN-000007 --reason 'scrapped'

                Certificates they have are not touched: slipway cert revokes those.
                """)
        @OptionGroup var units: AllowlistUnitsOptions
        @Option(help: "Why, for the record") var reason: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            try self.units.call("block", reason: self.reason)
        }
        func tell(_ answer: JSONValue) { self.units.tell(answer, "blocked") }
    }

    struct Lease: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep units for one station for a while.",
            discussion: """
                slipway allowlist lease line SN-000007 --station nest-3 --seconds 600

                Until then a claim of another station cannot register them.
                """)
        @OptionGroup var units: AllowlistUnitsOptions
        @Option(help: "The station, as its claim calls it") var station: String
        @Option(help: "For how long; an hour where it is left out") var seconds: Int?
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            try self.units.call("lease", station: self.station, seconds: self.seconds)
        }
        func tell(_ answer: JSONValue) { self.units.tell(answer, "leased") }
    }

    struct Unit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "One unit: what the list says of it, and what became of it when.",
            discussion: "slipway allowlist unit line SN-000007")
        @Argument(help: "The list's name") var list: String
        @Argument(help: "The serial number") var serial: String
        @OptionGroup var options: CommandOptions

        func run() async throws {
            do throws(FleetError) {
                let access = try await ControlAccess.open(self.options.settings)
                let answer = try await access.perform(
                    ControlCall(
                        "DescribeAllowlistUnit", path: try AllowlistCommand.path(self.list),
                        query: ["serial": self.serial]))
                guard !self.options.json else { return Terminal.say(answer) }
                var unit = answer.objectValue ?? [:]
                let history = unit["history"]?.arrayValue ?? []
                unit["history"] = nil
                Details.say(.object(unit))
                guard !history.isEmpty else { return }
                let columns = ["since", "state", "by", "station", "thing", "reason"]
                let rows = history.map { entry in columns.map { Details.text(entry[$0]) } }
                Terminal.say("")
                for line in Terminal.table([columns.map { $0.uppercased() }] + rows) {
                    Terminal.say(line)
                }
            } catch { throw Failure.exit(error) }
        }
    }

    struct Versions: ListingCommand {
        static let configuration = CommandConfiguration(
            abstract: "The versions a list has had; slipway audit tells who made them.")
        @Argument(help: "The list's name") var list: String
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) throws(FleetError) -> Listing {
            Listing(
                ControlCall("ListAllowlistVersions", path: try AllowlistCommand.path(self.list)),
                "versions", .after(sized: true),
                [
                    .init("VERSION", "version"), .init("SERIALS", "count"),
                    .init("MADE", "madeAt"),
                ])
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a list as CSV, or with --json one unit a line.",
            discussion: """
                slipway allowlist export line > units.csv
                slipway allowlist export line --state held

                The column state is the unit's present one. Import takes the file back: held and \
                blocked are where a unit begins again, all other states are expected, and \
                station, thing and since are passed over. --facts leaves all that out.
                """)
        @Argument(help: "The list's name") var list: String
        @Option(help: "Only units in this state") var state: String?
        @Flag(help: "Leave out state, station, thing and time")
        var facts = false
        @OptionGroup var options: CommandOptions

        func run() async throws {
            do throws(FleetError) {
                if let state = self.state, AllowlistStanding.State(rawValue: state) == nil {
                    let known = AllowlistStanding.State.allCases.map(\.rawValue)
                    throw FleetError(
                        .invalidRequest,
                        "'\(state.clipped)' is no state: " + known.joined(separator: ", "))
                }
                let access = try await ControlAccess.open(self.options.settings)
                let listing = Listing(
                    ControlCall("ListAllowlistUnits", path: try AllowlistCommand.path(self.list)),
                    "units", .after(sized: true), [])
                // Attributes are columns, and which there are is known at the end only.
                var names: Set<String> = []
                if !self.options.json {
                    try await listing.forEach(access) { unit in
                        names.formUnion(unit["attributes"]?.objectValue?.keys.map { $0 } ?? [])
                    }
                }
                let attributes = names.sorted()
                if !self.options.json {
                    Terminal.hand(CSVLine.text(self.columns.map(\.name) + attributes) + "\n")
                }
                let state = self.state
                let (columns, isJSON) = (self.columns, self.options.json)
                try await listing.forEach(access) { unit in
                    guard state == nil || unit["state"]?.stringValue == state else { return }
                    guard !isJSON else { return Terminal.say(Terminal.json(unit)) }
                    Terminal.hand(
                        CSVLine.text(
                            columns.map { unit[$0.member]?.stringValue ?? "" }
                                + attributes.map { unit["attributes"]?[$0]?.stringValue ?? "" })
                            + "\n")
                }
            } catch { throw Failure.exit(error) }
        }

        private var columns: [(name: String, member: String)] {
            let facts = [
                ("serial", "serial"), ("key_fingerprint", "keyFingerprint"), ("mac", "mac"),
                ("hardware_type", "hardwareType"), ("lot", "lot"),
            ]
            let standing = [
                ("state", "state"), ("station", "station"), ("thing", "thing"), ("since", "since"),
            ]
            return self.facts ? facts : facts + standing
        }
    }
}

/// RFC 4180.
private enum CSVLine {
    static func text(_ fields: [String]) -> String {
        fields.map(Self.quotedWhereNeeded).joined(separator: ",")
    }

    /// By scalars: a comma stays one where an accent after it makes another character of the two.
    private static func quotedWhereNeeded(_ field: String) -> String {
        let special = ",\"\n\r".unicodeScalars
        guard field.unicodeScalars.contains(where: { special.contains($0) }) else { return field }
        var quoted = "\""
        for scalar in field.unicodeScalars {
            if scalar == "\"" { quoted.unicodeScalars.append("\"") }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "\""
    }
}
