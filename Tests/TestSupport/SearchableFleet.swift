package import Fleet

/// A few things that are alike in many ways: their changes in an order that may be committed, and
/// who of them is connected.
package struct SearchableFleet {
    package static let attributeNames = ["model", "temp", "Site", "a.b-c"]
    package static let values = [
        "x200", "X200", "x2%0", "x_200", "75", "75.0", "-5", "1e3", "007", "0.5", "", "abcd",
        "ABCE", "abcf", "[1]", "a=b", "a:b", "70", "9007199254740993", "0.1000000000000000055",
    ]
    package static let typeNames = ["Sensor", "pump", "PUMP-2"]
    package static let groupNames = ["Site-A", "site-b", "north:1", "south_2"]
    package static let billingGroupNames = ["Costs", "lab"]
    package static let words = ["heat", "Pumps", "two", "grüße"]

    package let changes: [Change]
    package let connectivity: [ConnectivityNote]

    package init(things: Int, seed: UInt64) {
        var random = SplitMix64(seed: seed)
        func pick<Element>(_ elements: [Element]) -> Element {
            elements[Int.random(in: elements.indices, using: &random)]
        }
        var changes: [Change] = Self.typeNames.map {
            .putThingType(
                ThingType(
                    name: ThingTypeName(checked: $0), id: Samples.resourceID(1),
                    createdAt: Samples.time))
        }
        changes += Self.billingGroupNames.map {
            .putBillingGroup(
                BillingGroup(
                    name: BillingGroupName(checked: $0), id: Samples.resourceID(2),
                    createdAt: Samples.time))
        }
        for (index, name) in Self.groupNames.enumerated() {
            changes.append(
                .putThingGroup(
                    ThingGroup(
                        name: ThingGroupName(checked: name),
                        id: Samples.resourceID(10 + index),
                        ancestors: index == 1 ? [ThingGroupName(checked: Self.groupNames[0])] : [],
                        summary: index == 0
                            ? nil : "\(pick(Self.words)) \(pick(Self.words))\n\(pick(Self.words))",
                        attributes: [pick(Self.attributeNames): pick(Self.values)],
                        version: index + 1, createdAt: Samples.time)))
        }
        var notes: [ConnectivityNote] = []
        for number in 0..<things {
            let name = ThingName(checked: number % 3 == 0 ? "Thing-\(number)" : "thing-\(number)")
            var attributes: [String: String] = [:]
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                attributes[pick(Self.attributeNames)] = pick(Self.values)
            }
            let type = pick(Self.typeNames + [""])
            let costs = pick(Self.billingGroupNames + [""])
            changes.append(
                .putThing(
                    Thing(
                        name: name, id: Samples.resourceID(100 + number),
                        typeName: type.isEmpty ? nil : ThingTypeName(checked: type),
                        attributes: attributes,
                        billingGroup: costs.isEmpty ? nil : BillingGroupName(checked: costs),
                        version: Int.random(in: 1...5, using: &random), createdAt: Samples.time)))
            for group in Self.groupNames where Int.random(in: 0..<4, using: &random) == 0 {
                changes.append(.addThingToGroup(name, ThingGroupName(checked: group)))
            }
            let time = Samples.time.advanced(bySeconds: Int64(number % 5))
            switch Int.random(in: 0..<3, using: &random) {
            case 0: break
            case 1:
                notes.append(
                    ConnectivityNote(
                        clientID: name, session: 1, state: .connected(at: time)))
            default:
                notes.append(
                    ConnectivityNote(
                        clientID: name, session: 1,
                        state: .disconnected(at: time, pick([.connectionLost, .serverError]))))
            }
        }
        self.changes = changes
        self.connectivity = notes
    }
}
