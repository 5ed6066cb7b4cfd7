package import Fleet
import JSON

/// What people do with units of an allowlist.
package enum AllowlistStates {
    /// What is done, and to which state it leads.
    package enum Step: String, Sendable, CaseIterable {
        case hold, release, block, lease
    }

    package struct Request: Sendable {
        package var step: Step
        package var reason: String?
        package var station: String?
        /// How long a lease lasts.
        package var seconds: Int64?

        package init(
            step: Step, reason: String? = nil, station: String? = nil, seconds: Int64? = nil
        ) {
            self.step = step
            self.reason = reason
            self.station = station
            self.seconds = seconds
        }
    }

    package static let leaseSecondsDefault: Int64 = 3600
    package static let leaseSecondsMax: Int64 = 30 * 86_400
    package static let reasonBytesMax = 512

    package static func keys(
        _ serials: [SerialNumber], on list: AllowlistName
    ) -> Set<RecordKey> {
        Set(serials.map { .allowlistUnit(list, $0) } + [.allowlist(list)])
    }

    /// All of them or none.
    /// - Throws: `FleetError.notFound` for a serial number that is not on the list;
    ///   `.invalidRequest` for a step that the unit's state does not allow.
    package static func change(
        _ serials: [SerialNumber], on list: AllowlistName, _ request: Request, by actor: Actor,
        in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        try Self.check(request)
        guard (1...AllowlistEntries.serialsMax).contains(serials.count) else {
            throw FleetError(
                .invalidRequest, "name 1 to \(AllowlistEntries.serialsMax) serial numbers")
        }
        guard view.allowlist(list) != nil else {
            throw FleetError(.notFound, "there is no allowlist '\(list)'", resource: list.rawValue)
        }
        var set = ChangeSet(
            action: "SetAllowlistState",
            detail: ["list": .string(list.rawValue), "step": .string(request.step.rawValue)])
        var seen: Set<SerialNumber> = []
        for serial in serials where seen.insert(serial).inserted {
            guard let unit = view.allowlistUnit(list, serial) else {
                throw FleetError(
                    .notFound,
                    "'\(serial)' is not on the allowlist '\(list)'; nothing was changed",
                    resource: serial.rawValue)
            }
            let key = RecordKey.allowlistUnit(list, serial)
            guard let standing = try Self.next(unit, request, by: actor, at: now) else { continue }
            set.preconditions.append(.holds(key, .allowlistUnit(unit)))
            set.changes.append(.setAllowlistStanding(list, serial, standing))
        }
        return set
    }

    private static func check(_ request: Request) throws(FleetError) {
        let hasReason = request.reason.map { !$0.isEmpty } ?? false
        if request.step == .release || request.step == .block, !hasReason {
            throw FleetError(.invalidRequest, "/reason is missing: say why")
        }
        if let reason = request.reason, reason.utf8.count > Self.reasonBytesMax {
            throw FleetError(
                .invalidRequest,
                "/reason has \(reason.utf8.count) bytes; at most \(Self.reasonBytesMax)")
        }
        guard request.step == .lease else { return }
        guard let station = request.station, !station.isEmpty else {
            throw FleetError(.invalidRequest, "/station is missing: a lease is for one")
        }
        guard ClaimTerms.isLabel(station) else {
            throw FleetError(
                .invalidRequest,
                "/station must have 1 to \(ClaimTerms.labelBytesMax) bytes and no control "
                    + "characters: no claim has such a station")
        }
        if let seconds = request.seconds, !(1...Self.leaseSecondsMax).contains(seconds) {
            throw FleetError(
                .invalidRequest, "/seconds is \(seconds); it must be 1 to \(Self.leaseSecondsMax)")
        }
    }

    /// nil where the unit is what it would become, for the reason that is given, if any is: another
    /// one is a step of its own in the unit's history.
    private static func next(
        _ unit: AllowlistUnit, _ request: Request, by actor: Actor, at now: UnixTime
    ) throws(FleetError) -> AllowlistStanding? {
        let state: AllowlistStanding.State =
            switch request.step {
            case .hold: .held
            case .release: .released
            case .block: .blocked
            case .lease: .leased
            }
        let isSaid = request.reason == nil || request.reason == unit.standing?.reason
        if unit.state == state, state != .leased, isSaid { return nil }
        // A unit in the field is not let go by leasing its number to somebody else.
        if request.step == .lease, [.provisioned, .held, .blocked].contains(unit.state) {
            throw FleetError(
                .invalidRequest,
                "'\(unit.facts.serial)' is \(unit.state.rawValue) and cannot be leased: release "
                    + "it first", resource: unit.facts.serial.rawValue)
        }
        let isLease = request.step == .lease
        return AllowlistStanding(
            state: state, since: now, reason: request.reason, by: actor.person,
            station: isLease ? request.station : nil,
            until: isLease
                ? now.advanced(bySeconds: request.seconds ?? Self.leaseSecondsDefault) : nil,
            thing: unit.standing?.thing)
    }
}
