import ArgumentParser
import Fleet
import JSON
import Registry

struct SearchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search", abstract: "Find things, or thing groups, by what is known of them.",
        discussion: """
            The language is that of AWS IoT's fleet indexing. A term without a field is looked \
            for in names, ids, types, groups and every attribute; upper and lower case are alike.

              slipway search 'thingTypeName:Pump attributes.site:a'
              slipway search 'attributes.temp>60 AND NOT thingGroupNames:maintenance'
              slipway search 'connectivity.connected:false connectivity.timestamp<1767225600000'
              slipway search 'thingName:press-0? OR attributes.lot:[7 TO 9]' --page-all
              slipway search '*' --count attributes.model
              slipway search 'thingTypeName:Pump' --statistics attributes.temp
              slipway search --groups 'parentGroupNames:site-a description:"cold store"'

            Fields of things:
            \(Self.fields(of: .things))
            Fields of groups:
            \(Self.fields(of: .thingGroups))
            Terms: word, "a phrase", pre*fix, a?c, [1 TO 5], {1 TO 5}, >5, <=5, field:*. A \
            backslash takes the next character literally. Numbers are compared as numbers, \
            texts in quotes by their letters. Between terms: AND (or nothing), OR, NOT (or -), \
            parentheses, field:(a OR b); NOT binds closest, then AND.
            """)

    @Argument(help: "The query; * finds everything") var query: String
    @Flag(help: "Search thing groups instead of things") var groups = false
    @Option(help: "Print the values of a field with their counts, most frequent first")
    var count: String?
    @Option(help: "Print count, extremes, average and percentiles of a field's numbers")
    var statistics: String?
    @Option(help: "How many to find at a time") var limit = 100
    @Flag(help: "Go on until everything is found") var pageAll = false
    @Flag(help: "Print JSON") var json = false
    @OptionGroup(title: "Settings") var settings: LocationOptions

    private static func fields(of index: FleetIndex) -> String {
        let names = QueryField.named(in: index).map { $0.name(in: index) } + ["attributes.NAME"]
        return "  " + names.joined(separator: ", ")
    }

    private var index: FleetIndex { self.groups ? .thingGroups : .things }

    func validate() throws {
        guard self.count == nil || self.statistics == nil else {
            throw ValidationError("give either --count FIELD or --statistics FIELD")
        }
    }

    func run() async throws {
        do throws(FleetError) {
            // What is wrong with a query is said before anybody is asked for anything.
            _ = try FleetQuery.parse(self.query, index: self.index)
            let access = try await ControlAccess.open(self.settings)
            if let field = self.count {
                try await self.printCounts(of: field, access)
            } else if let field = self.statistics {
                try await self.printStatistics(of: field, access)
            } else {
                try await self.printFound(access)
            }
        } catch { throw Failure.exit(error) }
    }

    private var body: JSONObject {
        ["indexName": .string(self.index.rawValue), "queryString": .string(self.query)]
    }

    // MARK: Pages

    /// Each page is printed as it comes: a fleet may be larger than what fits in memory.
    private func printFound(_ access: ControlAccess) async throws(FleetError) {
        var printed = 0
        var token: JSONValue?
        if self.json { Terminal.say("[") }
        repeat {
            var body = self.body
            body["maxResults"] = .int(self.limit)
            if let token { body["nextToken"] = token }
            let page = try await access.perform("SearchIndex", body: .object(body))
            let found = page[self.groups ? "thingGroups" : "things"]?.arrayValue ?? []
            token = page["nextToken"]
            self.print(found, isFirst: printed == 0)
            printed += found.count
        } while self.pageAll && token != nil
        if self.json { Terminal.say("]") }
        if token != nil {
            Terminal.complain("there are more; --page-all prints them all")
        } else if printed == 0, !self.json {
            Terminal.complain("nothing was found")
        }
    }

    private func print(_ found: [JSONValue], isFirst: Bool) {
        guard !self.json else {
            for (number, value) in found.enumerated() {
                // The comma comes first: nobody knows yet whether another one follows.
                Terminal.say((isFirst && number == 0 ? "  " : ", ") + Terminal.json(value))
            }
            return
        }
        guard !found.isEmpty else { return }
        let rows = found.map(self.groups ? Self.groupRow : Self.thingRow)
        let header =
            self.groups
            ? ["GROUP", "PARENTS", "DESCRIPTION", "ATTRIBUTES"]
            : ["THING", "TYPE", "CONNECTED", "GROUPS", "ATTRIBUTES"]
        for line in Terminal.table((isFirst ? [header] : []) + rows) { Terminal.say(line) }
    }

    private static func thingRow(_ thing: JSONValue) -> [String] {
        let connected =
            switch thing["connectivity"]?["connected"]?.boolValue {
            case true?: "yes"
            case false?: "no"
            case nil: "never"
            }
        return [
            thing["thingName"]?.stringValue ?? "", thing["thingTypeName"]?.stringValue ?? "-",
            connected, Self.names(thing["thingGroupNames"]), Self.attributes(thing),
        ]
    }

    private static func groupRow(_ group: JSONValue) -> [String] {
        [
            group["thingGroupName"]?.stringValue ?? "", Self.names(group["parentGroupNames"]),
            group["thingGroupDescription"]?.stringValue?.clipped ?? "-", Self.attributes(group),
        ]
    }

    private static func names(_ value: JSONValue?) -> String {
        let names = (value?.arrayValue ?? []).compactMap(\.stringValue)
        return names.isEmpty ? "-" : names.joined(separator: ",")
    }

    private static func attributes(_ value: JSONValue) -> String {
        (value["attributes"]?.objectValue?.members ?? []).map { member in
            "\(member.key)=\(member.value.stringValue ?? "")"
        }.joined(separator: " ")
    }

    // MARK: Counts

    private func printCounts(
        of field: String, _ access: ControlAccess
    ) async throws(FleetError) {
        var body = self.body
        body["aggregationField"] = .string(field)
        body["bucketsAggregationType"] = ["termsAggregation": [:]]
        let answer = try await access.perform("GetBucketsAggregation", body: .object(body))
        guard !self.json else { return Terminal.say(answer) }
        let rows = (answer["buckets"]?.arrayValue ?? []).map { bucket in
            ["\(bucket["count"]?.intValue ?? 0)", bucket["keyValue"]?.stringValue ?? ""]
        }
        let total = answer["totalCount"]?.intValue ?? 0
        for line in Terminal.table([["COUNT", field]] + rows + [["\(total)", "in all"]]) {
            Terminal.say(line)
        }
    }

    // MARK: Statistics

    private func printStatistics(
        of field: String, _ access: ControlAccess
    ) async throws(FleetError) {
        var body = self.body
        body["aggregationField"] = .string(field)
        let statistics = try await access.perform("GetStatistics", body: .object(body))
        let percentiles = try await access.perform("GetPercentiles", body: .object(body))
        var answer = statistics.objectValue ?? [:]
        answer["percentiles"] = percentiles["percentiles"]
        guard !self.json else { return Terminal.say(.object(answer)) }
        let rows =
            (statistics["statistics"]?.objectValue?.members ?? []).map { member in
                [member.key, Details.text(member.value)]
            }
            + (percentiles["percentiles"]?.arrayValue ?? []).map { percentile in
                ["p\(Details.text(percentile["percent"]))", Details.text(percentile["value"])]
            }
        for line in Terminal.table(rows) { Terminal.say(line) }
    }
}
