import Fleet
import Registry

/// A unit's way past the allowlists that its hook asked: what the lists themselves have to say of
/// it, and that it is provisioned from the moment it is registered.
///
/// Which list counts, and whether any does, is the hook's to say; what a list says is not. So each
/// entry that the hook asked for is read again when the unit registers, whatever the hook was told
/// of it: `allowlist.contains` says no of a unit on hold as of one that nobody knows.
struct AllowlistPassage {
    /// What a device on hold is told to wait.
    private static let holdSeconds =
        RefusalReason.unitHeld.explanation.retryAfterSeconds ?? 0

    /// One unit of one list, there or not.
    struct Entry: Hashable {
        let list: AllowlistName
        let serial: SerialNumber

        var key: RecordKey { .allowlistUnit(self.list, self.serial) }

        /// nil for what can be no serial number, and so is on no list.
        init?(_ read: HookOutcome.AllowlistRead) {
            guard let serial = try? SerialNumber(read.serial) else { return nil }
            self.list = read.list
            self.serial = serial
        }
    }

    /// The entry that let the unit in: the first one that the hook found. nil where it found none.
    private let found: Entry?
    /// In the order of the hook's questions.
    private let entries: [Entry]
    /// What the unit is called.
    private let serials: Set<SerialNumber>

    /// An entry of another unit, a parent's perhaps, that the hook was told of is the hook's to
    /// judge; one that it was not told of is nobody's but the list's.
    ///
    /// - Parameters:
    ///   - reads: what the hook asked; also what it did not find.
    ///   - serials: what the device calls itself. What its hook made of that, the number that it
    ///     found or else asked for first, is one more.
    /// - Returns: nil where the hook asked no list.
    init?(_ reads: [HookOutcome.AllowlistRead], of serials: [String]) {
        let first = reads.first(where: \.found) ?? reads.first
        guard let first else { return nil }
        let own = Set((serials + [first.serial]).compactMap { try? SerialNumber($0) })
        var entries: [Entry] = []
        for read in reads {
            guard let entry = Entry(read), !read.found || own.contains(entry.serial),
                !entries.contains(entry)
            else { continue }
            entries.append(entry)
        }
        self.found = first.found ? Entry(first) : nil
        self.entries = entries
        self.serials = own
    }

    var keys: Set<RecordKey> { Set(self.entries.map(\.key)) }

    /// What a person is shown: the entry that let the unit in, or the first one that there is.
    /// - Parameter view: holds `keys`.
    func shown(in view: RegistryView) -> (list: AllowlistName, unit: AllowlistUnit)? {
        for entry in [self.found].compactMap({ $0 }) + self.entries {
            if let unit = view.allowlistUnit(entry.list, entry.serial) { return (entry.list, unit) }
        }
        return nil
    }

    static func held(_ serial: SerialNumber) -> FleetError {
        FleetError(
            .tooManyRequests,
            "serial number '\(serial)' is known and not yet released; retry after "
                + "\(Self.holdSeconds) seconds", resource: serial.rawValue
        ).because(.unitHeld)
    }

    /// What registering the device does to its entry, relying on all that the lists say now.
    /// - Parameter view: holds `keys`.
    /// - Throws: as `check`; `FleetError.accessDenied` for a unit that was taken off its list since
    ///   the hook found it there.
    func changeSet(
        thing: ThingName, _ device: Device, in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        try self.check(device, in: view, at: now)
        var set = ChangeSet(
            action: "PassAllowlist", preconditions: self.entries.map { view.asSeen($0.key) })
        guard let found = self.found else { return set }
        guard let unit = view.allowlistUnit(found.list, found.serial) else {
            throw FleetError(
                .accessDenied, "serial number '\(found.serial)' is no longer expected",
                resource: found.serial.rawValue
            ).because(.unitNotExpected)
        }
        if unit.state == .provisioned, unit.standing?.thing == thing { return set }
        let standing = AllowlistStanding(
            state: .provisioned, since: now, by: device.claim?.rawValue,
            station: device.station, thing: thing)
        set.changes.append(.setAllowlistStanding(found.list, found.serial, standing))
        return set
    }

    /// What the lists hold a unit against.
    struct Device {
        /// nil for a dry run that has none.
        let key: PublicKeyFingerprint?
        /// Where it is registered, as the history tells.
        let station: String?
        /// Where it is for certain: what claim or hook say, and never the device, which could name
        /// any station that a unit is leased to.
        let vouchedStation: String?
        let parameters: [String: String]
        var claim: CertificateID?
    }

    /// Whether the lists let the unit in as they stand. A block goes before a hold: who is told to
    /// come again must have something to come for.
    /// - Parameter view: holds `keys`.
    /// - Throws: `FleetError.tooManyRequests` for a unit on hold; `.accessDenied` for one that is
    ///   blocked or has another key; `.resourceConflict` for one that is leased to another station.
    func check(
        _ device: Device, in view: RegistryView, at now: UnixTime
    ) throws(FleetError) {
        let units = self.entries.compactMap { view.allowlistUnit($0.list, $0.serial) }
        if let unit = units.first(where: { $0.state == .blocked }) {
            throw Self.refused(unit, "is blocked", .unitBlocked)
        }
        if let unit = units.first(where: { $0.state == .held }) {
            throw Self.held(unit.facts.serial)
        }
        for unit in units where self.serials.contains(unit.facts.serial) {
            try Self.check(unit, device, at: now)
        }
    }

    private static func refused(
        _ unit: AllowlistUnit, _ why: String, _ reason: RefusalReason, parameter: String? = nil
    ) -> FleetError {
        FleetError(
            .accessDenied, "serial number '\(unit.facts.serial)' \(why)",
            resource: unit.facts.serial.rawValue
        ).because(reason, parameter: parameter)
    }

    private static func check(
        _ unit: AllowlistUnit, _ device: Device, at now: UnixTime
    ) throws(FleetError) {
        if let standing = unit.standing, standing.state == .leased, let until = standing.until,
            now < until, standing.station != device.vouchedStation
        {
            throw FleetError(
                .resourceConflict,
                "serial number '\(unit.facts.serial)' is in use at station "
                    + "'\(standing.station ?? "")' since \(standing.since)",
                resource: unit.facts.serial.rawValue
            ).because(.unitLeased)
        }
        if let key = device.key, let expected = unit.facts.key, key != expected {
            throw Self.refused(unit, "belongs to another key", .unitOfAnotherKey)
        }
        if let mac = unit.facts.mac, let sent = Self.mac(in: device.parameters),
            sent.address != mac
        {
            throw Self.refused(
                unit, "belongs to another MAC address", .unitOfAnotherAddress,
                parameter: sent.name)
        }
    }

    /// As the device sent it; one that is none is another.
    private static func mac(in parameters: [String: String]) -> (name: String, address: String)? {
        for name in ["MacAddress", "MACAddress", "macAddress", "MAC", "Mac", "mac"] {
            guard let text = parameters[name] else { continue }
            return (name, (try? MACAddress.canonical(text)) ?? text)
        }
        return nil
    }
}

/// What a list says of a device that its hook refused.
enum AllowlistRefusal {
    static func keys(of answer: HookOutcome) -> Set<RecordKey> {
        guard case .denied = answer.verdict else { return [] }
        return Set(answer.reads.compactMap(AllowlistPassage.Entry.init).map(\.key))
    }

    /// A device that its hook refused because a list it asked does not let it in yet is told to
    /// come again; one that is on no list is not, nor one that is blocked on any.
    /// - Parameter view: holds `keys(of: answer)`.
    /// - Throws: `FleetError.tooManyRequests` for a unit on hold.
    static func check(_ answer: HookOutcome, in view: RegistryView) throws(FleetError) {
        guard case .denied = answer.verdict else { return }
        let units = answer.reads.compactMap(AllowlistPassage.Entry.init)
            .compactMap { view.allowlistUnit($0.list, $0.serial) }
        guard !units.contains(where: { $0.state == .blocked }) else { return }
        if let unit = units.first(where: { $0.state == .held }) {
            throw AllowlistPassage.held(unit.facts.serial)
        }
    }
}
