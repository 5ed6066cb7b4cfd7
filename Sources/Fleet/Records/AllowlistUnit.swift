/// What an allowlist says of one serial number.
package struct AllowlistFacts: Hashable, Sendable {
    package let serial: SerialNumber
    /// The device's own key, SHA-256 of its SubjectPublicKeyInfo: no other gets the serial number.
    package var key: PublicKeyFingerprint?
    /// Lower-case hex with colons.
    package var mac: String?
    package var hardwareType: String?
    package var lot: String?
    /// Whatever else the file had columns for.
    package var attributes: [String: String]
    /// Where the unit begins, of which nothing has become yet: expected, held or blocked.
    package var firstState: AllowlistStanding.State
    /// Of a line of a file: that it begins as expected is written there, and not just left out.
    package var saysExpected = false

    package init(
        serial: SerialNumber, key: PublicKeyFingerprint? = nil, mac: String? = nil,
        hardwareType: String? = nil, lot: String? = nil, attributes: [String: String] = [:],
        firstState: AllowlistStanding.State = .expected
    ) {
        self.serial = serial
        self.key = key
        self.mac = mac
        self.hardwareType = hardwareType
        self.lot = lot
        self.attributes = attributes
        self.firstState = firstState
    }

    /// Nothing but a serial number.
    package var isBare: Bool { self.isBlank && !self.saysExpected }

    /// Nothing that a list would have to keep beside the serial number.
    package var isBlank: Bool {
        self.key == nil && self.mac == nil && self.hardwareType == nil && self.lot == nil
            && self.attributes.isEmpty && self.firstState == .expected
    }

    /// What the list says after a line that is merged with it. What the line leaves out stays: a
    /// file of lots must not let go of units that another file has put on hold, nor of their keys.
    package func adding(_ line: AllowlistFacts) -> AllowlistFacts {
        var facts = self
        facts.key = line.key ?? self.key
        facts.mac = line.mac ?? self.mac
        facts.hardwareType = line.hardwareType ?? self.hardwareType
        facts.lot = line.lot ?? self.lot
        facts.attributes.merge(line.attributes) { $1 }
        if line.saysExpected || line.firstState != .expected {
            facts.firstState = line.firstState
        }
        return facts
    }

    /// Of a line of a file: the state that is written there.
    package var saidState: AllowlistStanding.State? {
        self.saysExpected || self.firstState != .expected ? self.firstState : nil
    }

    /// Whether a line gives a unit, of which something has become already, another state than that.
    /// What a file says is where units begin, so that the line would change nothing; but whoever
    /// wrote `blocked` there believes the unit to be so. A line that says what the list says of the
    /// unit's beginning is no news: lists are imported again for the lines that were added.
    /// - Parameter before: what the list says, where the unit is on it.
    package func contradicts(
        _ standing: AllowlistStanding, listed before: AllowlistFacts?
    ) -> Bool {
        guard let said = self.saidState, said != before?.firstState else { return false }
        return said == .expected
            ? standing.state == .held || standing.state == .blocked : standing.state != said
    }

    /// What a list says where nothing but the line has said anything.
    package var asListed: AllowlistFacts { AllowlistFacts(serial: self.serial).adding(self) }
}

/// What has become of a unit, and since when.
package struct AllowlistStanding: Hashable, Sendable {
    package enum State: String, Sendable, CaseIterable {
        /// On the list, and not seen yet.
        case expected
        /// Kept for one station, until a moment.
        case leased
        /// Registered.
        case provisioned
        /// Known and not yet released: the device is told to come again.
        case held
        /// For rework: it may be registered again.
        case released
        /// Known, and never to be registered.
        case blocked
    }

    package var state: State
    package var since: UnixTime
    package var reason: String?
    /// Who said so: a person, or the certificate of the claim.
    package var by: String?
    package var station: String?
    /// When a lease ends by itself.
    package var until: UnixTime?
    package var thing: ThingName?

    package init(
        state: State, since: UnixTime, reason: String? = nil, by: String? = nil,
        station: String? = nil, until: UnixTime? = nil, thing: ThingName? = nil
    ) {
        self.state = state
        self.since = since
        self.reason = reason
        self.by = by
        self.station = station
        self.until = until
        self.thing = thing
    }
}

/// One unit of an allowlist.
package struct AllowlistUnit: Hashable, Sendable {
    package let facts: AllowlistFacts
    /// nil where nothing has become of it yet.
    package let standing: AllowlistStanding?

    package init(facts: AllowlistFacts, standing: AllowlistStanding?) {
        self.facts = facts
        self.standing = standing
    }

    package var state: AllowlistStanding.State { self.standing?.state ?? self.facts.firstState }

    /// Whether a device that presents the serial number may be let in, as far as the list goes.
    package var admits: Bool { self.state != .held && self.state != .blocked }
}

/// What became of entries that were written to a draft.
package struct AllowlistAppended: Hashable, Sendable {
    /// New to the draft.
    package var inserted = 0
    /// Of those, not on the list as it was.
    package var added = 0
    /// On the list, which says something else of them.
    package var changed = 0
    /// Those whose line contradicts what has become of the unit, and in which state it is.
    package var contradicting: [SerialNumber: AllowlistStanding.State] = [:]

    package init(
        inserted: Int = 0, added: Int = 0, changed: Int = 0,
        contradicting: [SerialNumber: AllowlistStanding.State] = [:]
    ) {
        self.inserted = inserted
        self.added = added
        self.changed = changed
        self.contradicting = contradicting
    }

    package mutating func add(_ other: AllowlistAppended) {
        self.inserted += other.inserted
        self.added += other.added
        self.changed += other.changed
        self.contradicting.merge(other.contradicting) { $1 }
    }
}

extension RegistryView {
    package func allowlistUnit(_ list: AllowlistName, _ serial: SerialNumber) -> AllowlistUnit? {
        if case .allowlistUnit(let unit)? = self.entry(.allowlistUnit(list, serial))?.record {
            unit
        } else {
            nil
        }
    }
}
