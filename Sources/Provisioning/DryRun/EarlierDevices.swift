import Fleet
import Registry

/// What the devices of a batch that were let in have left behind, as far as the next one meets it:
/// their things and groups, the policies that came to be, and the units of the claim. How much of
/// the claim's budget that is, whoever has the whole file counts.
struct EarlierDevices {
    private struct Left {
        let thing: Thing
        let groups: [ThingGroup]
        let station: String?
        var registrations: Int
    }

    private var left: [ThingName: Left] = [:]
    private var policies: [PolicyName: Policy] = [:]

    /// - Parameters:
    ///   - groups: those that the plan leaves the thing in.
    ///   - station: where the registration says that it happened.
    mutating func add(
        _ plan: ProvisioningPlan, groups: [ThingGroup], station: String?, at now: UnixTime
    ) {
        let name = plan.thing.name
        self.left[name] = Left(
            thing: plan.thing, groups: groups, station: station,
            registrations: (self.left[name]?.registrations ?? 0) + 1)
        for policy in plan.policies {
            guard let document = policy.newDocument else { continue }
            self.policies[policy.name] = PolicyVersions.first(
                policy.name, document: document, at: now)
        }
    }

    /// The view as the next device meets it.
    func over(_ view: RegistryView, of thing: ThingName) -> RegistryView {
        var records: [RecordKey: Record] = [:]
        if let left = self.left[thing] {
            records[.thing(thing)] = .thing(left.thing)
            records[.groupRecordsOfThing(thing)] = .groupRecords(left.groups)
        }
        for (name, policy) in self.policies where view.holds(.policy(name)) {
            records[.policy(name)] = .policy(policy)
        }
        return records.isEmpty ? view : view.assuming(records)
    }

    /// The same for what a claim has paid for.
    func over(
        _ view: RegistryView, ofClaim claim: ClaimName, _ thing: ThingName
    ) -> RegistryView {
        guard let left = self.left[thing] else { return view }
        let unit = RecordKey.claimUnit(claim, thing)
        return view.assuming([unit: .count(view.count(unit) + left.registrations)])
    }

    /// What it means that the serial comes again in the same file; nil where it does not. No two
    /// devices of a file have one key, and all of them come by one claim.
    func verdict(
        _ first: EnrolmentVerdict, station: String?, settings: EnrolmentSettings
    ) -> EnrolmentVerdict? {
        guard first.finding == .first, let left = self.left[first.thing] else { return nil }
        let isRework = left.station == station && settings.reworkSeconds > 0
        return EnrolmentVerdict(
            finding: isRework ? .rework : .elsewhere,
            policy: isRework ? settings.onRework : settings.onElsewhere, holders: [],
            thing: first.thing, certificate: first.certificate)
    }
}
