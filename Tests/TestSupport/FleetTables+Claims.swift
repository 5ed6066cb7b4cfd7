internal import Fleet

/// What was spent under each claim.
struct ClaimSpending {
    struct Place: Hashable {
        let hour: UnixTime
        let station: String
    }

    private(set) var registrations: [ClaimName: [ThingName: Int]] = [:]
    private(set) var hours: [ClaimName: [Place: ClaimHour]] = [:]

    /// Units that no registration here stands for.
    private var carried: [ClaimName: Int] = [:]

    mutating func set(_ units: Int, of claim: ClaimName) {
        self.carried[claim] = units - (self.registrations[claim]?.count ?? 0)
    }

    func units(of claim: ClaimName) -> Int {
        self.carried[claim, default: 0] + (self.registrations[claim]?.count ?? 0)
    }

    mutating func add(_ spend: ClaimSpend) {
        let before = self.registrations[spend.claim]?[spend.thing] ?? 0
        self.registrations[spend.claim, default: [:]][spend.thing] = before + 1
        let place = Place(hour: spend.hour, station: spend.station ?? "")
        var hour =
            self.hours[spend.claim]?[place]
            ?? ClaimHour(hour: place.hour, station: place.station, units: 0, repeats: 0)
        if before == 0 { hour.units += 1 } else { hour.repeats += 1 }
        self.hours[spend.claim, default: [:]][place] = hour
    }
}

extension FleetTables {
    /// What the keys of claims, and of allowlists' units, name besides records.
    func claimEntry(_ key: RecordKey) -> RegistryView.Entry? {
        func counted(_ count: Int) -> RegistryView.Entry? {
            count > 0 ? RegistryView.Entry(record: .count(count), revision: 0) : nil
        }
        switch key {
        case .termsOfClaim(let id):
            guard case .claim(let claim)? = self.records[.claim(id)]?.record else { return nil }
            return self.records[.claimTerms(ClaimName(checked: claim.label))]
        case .claimSpent(let name):
            return counted(self.claimSpending.units(of: name))
        case .claimUnit(let name, let thing):
            return counted(self.claimSpending.registrations[name]?[thing] ?? 0)
        case .pendingOfClaim(let id):
            return counted(
                self.records.values.count { entry in
                    if case .ownershipToken(let token) = entry.record {
                        token.claim == id && token.redemption == nil
                    } else {
                        false
                    }
                })
        case .certificatesOfClaim(let name):
            let ids = self.records.values.compactMap { entry -> CertificateID? in
                guard case .claim(let claim) = entry.record, claim.label == name.rawValue else {
                    return nil
                }
                return claim.certificate
            }
            return ids.isEmpty
                ? nil : RegistryView.Entry(record: .certificates(ids.sorted()), revision: 0)
        case .allowlistUnit(let list, let serial):
            return self.allowlistUnit(list, serial).map {
                RegistryView.Entry(record: .allowlistUnit($0), revision: 0)
            }
        default: return nil
        }
    }
}
