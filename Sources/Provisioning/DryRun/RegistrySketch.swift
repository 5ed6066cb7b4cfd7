package import Fleet
package import JSON
import Registry

/// A registry as somebody describes it in a few lines of JSON, to try a template against.
package struct RegistrySketch: Sendable {
    private var things: [ThingName: Thing] = [:]
    private var groupsOfThing: [ThingName: [ThingGroupName]] = [:]
    private var types: [ThingTypeName: ThingType] = [:]
    private var groups: [ThingGroupName: ThingGroup] = [:]
    private var billingGroups: [BillingGroupName: BillingGroup] = [:]
    private var policies: [PolicyName: Policy] = [:]
    private var policiesOfGroup: [ThingGroupName: [PolicyName]] = [:]
    /// Serial numbers by list.
    package private(set) var allowlists: [AllowlistName: Set<SerialNumber>] = [:]

    private static let start = UnixTime(milliseconds: 0)
    private static let members = [
        "things", "thingTypes", "thingGroups", "billingGroups", "policies", "allowlists",
    ]
    private static let thingMembers = ["type", "attributes", "groups", "billingGroup"]
    private static let groupMembers = ["parent", "policies"]

    /// Nothing at all.
    package init() {}

    /// - Throws: `FleetError.invalidRequest`, naming the place that is wrong.
    package init(json: JSONValue?) throws(FleetError) {
        guard let json, json != .null else { return }
        let object = try Self.object(json, at: "/registry", knowing: Self.members)
        for name in try Self.names(object["thingTypes"], at: "/registry/thingTypes") {
            let type = try ThingTypeName(name)
            self.types[type] = ThingType(name: type, id: .unknown, createdAt: Self.start)
        }
        for name in try Self.names(object["billingGroups"], at: "/registry/billingGroups") {
            self.add(billingGroup: try BillingGroupName(name))
        }
        try self.readPolicies(object["policies"])
        try self.readGroups(object["thingGroups"])
        try self.readThings(object["things"])
        try self.readAllowlists(object["allowlists"])
    }

    /// What the sketch says of `keys`; whatever it does not say is not there.
    package func view(_ keys: Set<RecordKey>) -> RegistryView {
        var entries: [RecordKey: RegistryView.Entry] = [:]
        for key in keys {
            guard let record = self.record(key) else { continue }
            entries[key] = RegistryView.Entry(record: record, revision: 0)
        }
        return RegistryView(keys: keys, entries: entries)
    }

    private func record(_ key: RecordKey) -> Record? {
        switch key {
        case .thing(let name): self.things[name].map { .thing($0) }
        case .thingType(let name): self.types[name].map { .thingType($0) }
        case .thingGroup(let name): self.groups[name].map { .thingGroup($0) }
        case .billingGroup(let name): self.billingGroups[name].map { .billingGroup($0) }
        case .policy(let name): self.policies[name].map { .policy($0) }
        case .policiesOfTarget(.thingGroup(let name)):
            self.policiesOfGroup[name].map { .policies($0) }
        case .groupRecordsOfThing(let name):
            self.groupsOfThing[name].map { .groupRecords($0.compactMap { self.groups[$0] }) }
        default: nil
        }
    }

    // MARK: Reading

    /// A group that was described stays as it was.
    private mutating func add(group name: ThingGroupName, below ancestors: [ThingGroupName] = []) {
        guard self.groups[name] == nil else { return }
        self.groups[name] = ThingGroup(
            name: name, id: .unknown, ancestors: ancestors, createdAt: Self.start)
    }

    private mutating func add(billingGroup name: BillingGroupName) {
        self.billingGroups[name] = BillingGroup(name: name, id: .unknown, createdAt: Self.start)
    }

    private mutating func readPolicies(_ value: JSONValue?) throws(FleetError) {
        guard let value else { return }
        for (name, document) in try Self.object(value, at: "/registry/policies").members {
            let name = try PolicyName(name)
            let text = document.stringValue ?? JSONPrinter.print(document)
            do throws(FleetError) { try PolicyVersions.check(text) } catch {
                throw Self.wrong("/registry/policies/\(name)", error.message)
            }
            self.policies[name] = PolicyVersions.first(name, document: text, at: Self.start)
        }
    }

    /// Names, or an object that says of each group what is above it and what hangs on it. A parent
    /// need not be listed again.
    private mutating func readGroups(_ value: JSONValue?) throws(FleetError) {
        let place = "/registry/thingGroups"
        guard let object = value?.objectValue else {
            for name in try Self.names(value, at: place) {
                self.add(group: try ThingGroupName(name))
            }
            return
        }
        var parents: [ThingGroupName: ThingGroupName] = [:]
        var names: [ThingGroupName] = []
        for (name, body) in object.members {
            let place = "\(place)/\(name.clipped)"
            let body = try Self.object(body, at: place, knowing: Self.groupMembers)
            let name = try ThingGroupName(name)
            names.append(name)
            switch body["parent"] {
            case nil, .null?: break
            case .string(let text)?: parents[name] = try ThingGroupName(text)
            case let other?:
                throw Self.wrong("\(place)/parent", "is a group's name, not \(other.kindName)")
            }
            try self.attach(
                Self.names(body["policies"], at: "\(place)/policies"), to: name, at: place)
        }
        for name in names { try self.place(name, below: parents, at: place) }
    }

    private mutating func attach(
        _ policies: [String], to group: ThingGroupName, at place: String
    ) throws(FleetError) {
        for text in policies {
            let policy = try PolicyName(text)
            guard self.policies[policy] != nil else {
                throw Self.wrong(
                    "\(place)/policies", "names '\(policy)', which /registry/policies does not")
            }
            self.policiesOfGroup[group, default: []].append(policy)
        }
    }

    /// Puts a group and those above it where the parents say.
    private mutating func place(
        _ group: ThingGroupName, below parents: [ThingGroupName: ThingGroupName], at place: String
    ) throws(FleetError) {
        var line = [group]
        while let parent = line.last.flatMap({ parents[$0] }) {
            guard !line.contains(parent) else {
                throw Self.wrong("\(place)/\(group)", "is above itself")
            }
            line.append(parent)
            guard line.count <= RegistryLimits.groupDepthMax else {
                throw Self.wrong(
                    "\(place)/\(group)",
                    "is deeper than \(RegistryLimits.groupDepthMax) levels, the most there are")
            }
        }
        let fromTop = Array(line.reversed())
        for (depth, name) in fromTop.enumerated() {
            self.add(group: name, below: Array(fromTop[..<depth]))
        }
    }

    /// A thing's own type and groups need not be listed again.
    private mutating func readThings(_ value: JSONValue?) throws(FleetError) {
        guard let value else { return }
        for (name, body) in try Self.object(value, at: "/registry/things").members {
            let place = "/registry/things/\(name.clipped)"
            let object = try Self.object(body, at: place, knowing: Self.thingMembers)
            let name = try ThingName(name)
            var type: ThingTypeName?
            if let text = object["type"]?.stringValue {
                let known = try ThingTypeName(text)
                self.types[known] = ThingType(name: known, id: .unknown, createdAt: Self.start)
                type = known
            }
            var billingGroup: BillingGroupName?
            if let text = object["billingGroup"]?.stringValue {
                let known = try BillingGroupName(text)
                self.add(billingGroup: known)
                billingGroup = known
            }
            for group in try Self.names(object["groups"], at: "\(place)/groups") {
                let known = try ThingGroupName(group)
                self.add(group: known)
                self.groupsOfThing[name, default: []].append(known)
            }
            self.things[name] = Thing(
                name: name, id: .unknown, typeName: type,
                attributes: try DryRunRequest.texts(
                    object["attributes"], at: "\(place)/attributes"),
                billingGroup: billingGroup, createdAt: Self.start)
        }
    }

    private mutating func readAllowlists(_ value: JSONValue?) throws(FleetError) {
        guard let value else { return }
        for (name, serials) in try Self.object(value, at: "/registry/allowlists").members {
            let names = try Self.names(serials, at: "/registry/allowlists/\(name.clipped)")
            self.allowlists[try AllowlistName(name)] = Set(
                names.compactMap { try? SerialNumber($0) })
        }
    }

    private static func object(
        _ value: JSONValue, at place: String, knowing known: [String]? = nil
    ) throws(FleetError) -> JSONObject {
        guard let object = value.objectValue else {
            throw Self.wrong(place, "is an object, not \(value.kindName)")
        }
        if let known {
            for key in object.keys where !known.contains(key) {
                throw Self.wrong(
                    "\(place)/\(key.clipped)",
                    "is not understood; known are \(known.joined(separator: ", "))")
            }
        }
        return object
    }

    private static func names(
        _ value: JSONValue?, at place: String
    ) throws(FleetError) -> [String] {
        guard let value else { return [] }
        guard let elements = value.arrayValue else {
            throw Self.wrong(place, "is a list of names, not \(value.kindName)")
        }
        let names = elements.compactMap(\.stringValue)
        guard names.count == elements.count else {
            throw Self.wrong(place, "is a list of names in quotes")
        }
        return names
    }

    private static func wrong(_ place: String, _ what: String) -> FleetError {
        FleetError(.invalidRequest, "\(place) \(what)")
    }
}

extension RegistrySketch: AllowlistLookup {
    package func thing(_ name: ThingName) async throws(FleetError) -> JSONObject? {
        self.things[name]?.hookFields
    }

    /// The lists of the sketch, each in its first version.
    package func contains(
        _ list: AllowlistName, _ serial: String
    ) async throws(FleetError) -> (found: Bool, version: Int?) {
        guard let serials = self.allowlists[list] else { return (false, nil) }
        // What can be no serial number is on no list.
        guard let serial = try? SerialNumber(serial) else { return (false, 1) }
        return (serials.contains(serial), 1)
    }
}
