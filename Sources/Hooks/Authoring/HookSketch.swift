package import Fleet
package import JSON

/// A world as somebody describes it in a few lines of JSON, for a hook to be tried in: lists,
/// things, counts, or the reads that another run recorded.
package struct HookSketch: AllowlistLookup, Sendable {
    /// By the bytes of serial numbers, as the service tells them apart.
    private var lists: [String: [[UInt8]: JSONObject]] = [:]
    private var things: [String: JSONObject] = [:]
    private var counts: [String: Int] = [:]
    private var reads: [HookRead]?

    private static let members = ["allowlists", "things", "counts", "reads"]

    /// Nothing at all.
    package init() {}

    /// - Parameter json: `allowlists`, each a list of serial numbers or an object of entries by
    ///   serial number; `things` by name, each with `type` and `attributes`; `counts` by query;
    ///   `reads` as a trace has them. Where there are `reads`, nothing else answers.
    /// - Throws: `FleetError.invalidRequest`, naming the place that is wrong.
    package init(json: JSONValue?) throws(FleetError) {
        guard let json, json != .null else { return }
        let object = try HookTestFile.object(json, at: "/world", knowing: Self.members)
        try self.readLists(object["allowlists"])
        if let things = object["things"] {
            for (name, thing) in try HookTestFile.object(things, at: "/world/things").members {
                let place = "/world/things/\(name.clipped)"
                var fields = try HookTestFile.object(
                    thing, at: place, knowing: ["type", "attributes", "version"])
                fields["name"] = .string(name)
                try Self.checkThing(fields, at: place)
                if fields["attributes"] == nil { fields["attributes"] = [:] }
                if fields["version"] == nil { fields["version"] = 1 }
                self.things[name] = fields
            }
        }
        if let counts = object["counts"] {
            for (query, count) in try HookTestFile.object(counts, at: "/world/counts").members {
                guard let count = count.intValue, count >= 0 else {
                    throw HookTestFile.wrong("/world/counts/\(query.clipped)", "is no count")
                }
                self.counts[query] = count
            }
        }
        if let reads = object["reads"] {
            var recorded: [HookRead] = []
            guard let list = reads.arrayValue else {
                throw HookTestFile.wrong("/world/reads", "is a list, not \(reads.kindName)")
            }
            for read in list { recorded.append(try HookRead(json: read)) }
            self.reads = recorded
        }
    }

    /// As the registry would answer: a type and attributes are texts, a version is a number.
    private static func checkThing(_ fields: JSONObject, at place: String) throws(FleetError) {
        _ = try HookTestFile.text(fields["type"], at: "\(place)/type")
        if let attributes = fields["attributes"] {
            let place = "\(place)/attributes"
            for (key, value) in try HookTestFile.object(attributes, at: place).members
            where value.stringValue == nil {
                throw HookTestFile.wrong("\(place)/\(key.clipped)", "is a text")
            }
        }
        if let version = fields["version"], (version.intValue ?? 0) < 1 {
            throw HookTestFile.wrong("\(place)/version", "is a number from 1")
        }
    }

    /// A state that is misspelt would let in a unit that the test means to keep out.
    private static func checkState(
        of fields: JSONObject, at place: String
    ) throws(FleetError) {
        guard let state = fields["state"] else { return }
        let known = AllowlistStanding.State.allCases.map(\.rawValue)
        guard let name = state.stringValue, known.contains(name) else {
            throw HookTestFile.wrong(
                "\(place)/state", "is one of \(known.joined(separator: ", "))")
        }
    }

    private mutating func readLists(_ value: JSONValue?) throws(FleetError) {
        guard let value else { return }
        for (name, body) in try HookTestFile.object(value, at: "/world/allowlists").members {
            let place = "/world/allowlists/\(name.clipped)"
            var entries: [[UInt8]: JSONObject] = [:]
            if let serials = body.arrayValue {
                for serial in serials {
                    guard let serial = serial.stringValue else {
                        throw HookTestFile.wrong(place, "is a list of serial numbers in quotes")
                    }
                    entries[Array(serial.utf8)] = ["serial": .string(serial)]
                }
            } else {
                for (serial, entry) in try HookTestFile.object(body, at: place).members {
                    var fields = try HookTestFile.object(entry, at: "\(place)/\(serial.clipped)")
                    try Self.checkState(of: fields, at: "\(place)/\(serial.clipped)")
                    if fields["serial"] == nil { fields["serial"] = .string(serial) }
                    entries[Array(serial.utf8)] = fields
                }
            }
            self.lists[name] = entries
        }
    }

    package func contains(
        _ list: AllowlistName, _ serial: String
    ) async throws(FleetError) -> (found: Bool, version: Int?) {
        let asked = HookQuestion.allowlistContains(list: list.rawValue, serial: serial)
        if let read = try self.recorded(asked) { return (read.answer == true, read.version) }
        guard let entries = self.lists[list.rawValue] else { return (false, nil) }
        // As a list of the service answers of a unit that it does not let in.
        let entry = entries[Array(serial.utf8)]
        let state = entry?["state"]?.stringValue.flatMap {
            AllowlistStanding.State(rawValue: $0)
        }
        return (entry != nil && state != .held && state != .blocked, 1)
    }

    package func entry(
        _ list: AllowlistName, _ serial: String
    ) async throws(FleetError) -> (fields: JSONObject?, version: Int?) {
        let asked = HookQuestion.allowlistGet(list: list.rawValue, serial: serial)
        if let read = try self.recorded(asked) { return (read.answer.objectValue, read.version) }
        guard let entries = self.lists[list.rawValue] else { return (nil, nil) }
        return (entries[Array(serial.utf8)], 1)
    }

    package func thing(_ name: ThingName) async throws(FleetError) -> JSONObject? {
        if let read = try self.recorded(.registryThing(name: name.rawValue)) {
            return read.answer.objectValue
        }
        return self.things[name.rawValue]
    }

    package func count(_ query: String, most: Int) async throws(FleetError) -> Int {
        if let read = try self.recorded(.registryCount(query: query, most: most)) {
            return read.answer.intValue ?? 0
        }
        return min(self.counts[query] ?? 0, most)
    }

    /// nil where nothing is recorded at all.
    private func recorded(_ question: HookQuestion) throws(FleetError) -> HookRead? {
        guard let reads = self.reads else { return nil }
        let arguments = question.arguments.map { JSONPrinter.print($0) }
        let asked = JSONPrinter.bytes(.array(question.arguments))
        let found = reads.first {
            $0.question == question && JSONPrinter.bytes(.array($0.question.arguments)) == asked
        }
        guard let read = found else {
            throw FleetError(
                .notFound,
                "\(question.function)(\(arguments.joined(separator: ", "))) is not among the "
                    + "recorded reads")
        }
        return read
    }
}

/// A request as somebody writes it down to try a hook with.
package enum HookRequestFile {
    private static let members = [
        "claimCertificateId", "certificateId", "certificatePem", "templateArn", "clientId",
        "parameters", "time", "claim",
    ]
    private static let claimMembers = ["certificateId", "label", "station", "lot"]
    /// 31 December 9999, 23:59:59, as `time.utc` takes it.
    private static let timeMax = 253_402_300_799
    /// 1 January 2026, 12:00 UTC: a request that names no time has this one, so that what it comes
    /// to is the same tomorrow.
    private static let time = 1_767_268_800

    /// - Parameter json: the fields a hook is invoked with, `parameters` at least; `time` in whole
    ///   seconds since 1970 and `claim` beside them.
    /// - Throws: `FleetError.invalidRequest`, naming what is wrong.
    package static func request(_ json: JSONValue) throws(FleetError) -> HookRequest {
        let object = try HookTestFile.object(json, at: "the request", knowing: Self.members)
        guard let parameters = object["parameters"]?.objectValue else {
            throw HookTestFile.wrong("/parameters", "is an object")
        }
        let seconds = object["time"]?.intValue ?? Self.time
        guard object["time"] == nil || object["time"]?.intValue != nil,
            (0...Self.timeMax).contains(seconds)
        else {
            throw HookTestFile.wrong(
                "/time", "is a number of whole seconds since 1970, up to \(Self.timeMax)")
        }
        func text(_ member: String) throws(FleetError) -> String? {
            try HookTestFile.text(object[member], at: "/\(member)")
        }
        let id = String(repeating: "0", count: 64)
        let certificate = try CertificateID(try text("certificateId") ?? id)
        let claimed = try CertificateID(try text("claimCertificateId") ?? id)
        let facts = try Self.facts(object["claim"], certificate: claimed)
        let arn = try text("templateArn").map { ARN(rawValue: $0) }
        return HookRequest(
            claimCertificateID: claimed, certificateID: certificate,
            certificatePEM: try text("certificatePem") ?? "",
            templateARN: arn ?? Realm.standard.template(TemplateName(checked: "test")),
            clientID: try text("clientId") ?? "test",
            parameters: parameters, time: UnixTime(seconds: Int64(seconds)), claim: facts)
    }

    /// What a claim says of itself, and nothing that none would: a hook that reads more finds
    /// nothing when a device asks.
    private static func facts(
        _ value: JSONValue?, certificate: CertificateID
    ) throws(FleetError) -> JSONObject {
        var facts: JSONObject = ["certificateId": .string(certificate.rawValue)]
        guard let value, value != .null else { return facts }
        for (key, value) in try HookTestFile.object(value, at: "/claim", knowing: Self.claimMembers)
            .members
        {
            _ = try HookTestFile.text(value, at: "/claim/\(key)")
            facts[key] = value
        }
        return facts
    }
}
