import Fleet
import Registry

/// A unit's way past the allowlist that its hook asked: what the list itself has to say of it, and
/// that it is provisioned from the moment it is registered.
///
/// Which list counts, and whether any does, is the hook's to say; what a list says is not.
struct AllowlistPassage {
    /// What a device on hold is told to wait.
    private static let holdSeconds =
        RefusalReason.unitHeld.explanation.retryAfterSeconds ?? 0

    let list: AllowlistName
    let serial: SerialNumber

    /// nil where the hook found the device on no list.
    init?(_ read: HookOutcome.AllowlistRead?) {
        guard let read, read.found, let serial = try? SerialNumber(read.serial) else { return nil }
        self.list = read.list
        self.serial = serial
    }

    var key: RecordKey { .allowlistUnit(self.list, self.serial) }

    static func held(_ serial: SerialNumber) -> FleetError {
        FleetError(
            .tooManyRequests,
            "serial number '\(serial)' is known and not yet released; retry after "
                + "\(Self.holdSeconds) seconds", resource: serial.rawValue
        ).because(.unitHeld)
    }

    /// What registering the device does to its entry.
    /// - Parameter view: holds `key`.
    /// - Throws: `FleetError.tooManyRequests` for a unit on hold; `.accessDenied` for one that is
    ///   blocked or has another key; `.resourceConflict` for one that is leased to another station.
    func changeSet(
        certificate: Certificate, thing: ThingName, station: String?,
        parameters: [String: String], in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet? {
        let unit = try self.unit(
            admitting: certificate.publicKey, station: station, parameters: parameters, in: view,
            at: now)
        let held = Precondition.holds(self.key, .allowlistUnit(unit))
        if unit.state == .provisioned, unit.standing?.thing == thing {
            return ChangeSet(action: "PassAllowlist", preconditions: [held])
        }
        let standing = AllowlistStanding(
            state: .provisioned, since: now, by: certificate.provenance?.origin.claim?.rawValue,
            station: station, thing: thing)
        return ChangeSet(
            action: "PassAllowlist", preconditions: [held],
            changes: [.setAllowlistStanding(self.list, self.serial, standing)])
    }

    /// The unit, where the list lets it in as it stands.
    /// - Parameters:
    ///   - key: nil for a dry run that has none.
    ///   - view: holds `key`.
    func unit(
        admitting key: PublicKeyFingerprint?, station: String?, parameters: [String: String],
        in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> AllowlistUnit {
        guard let unit = view.allowlistUnit(self.list, self.serial) else {
            // It was there when the hook asked.
            throw FleetError(
                .accessDenied, "serial number '\(self.serial)' is no longer expected",
                resource: self.serial.rawValue
            ).because(.unitNotExpected)
        }
        try self.check(unit, key, station: station, parameters, at: now)
        return unit
    }

    private func check(
        _ unit: AllowlistUnit, _ key: PublicKeyFingerprint?, station: String?,
        _ parameters: [String: String], at now: UnixTime
    ) throws(FleetError) {
        func refused(
            _ why: String, _ reason: RefusalReason, parameter: String? = nil
        ) -> FleetError {
            FleetError(
                .accessDenied, "serial number '\(self.serial)' \(why)",
                resource: self.serial.rawValue
            ).because(reason, parameter: parameter)
        }
        if unit.state == .held { throw Self.held(self.serial) }
        if unit.state == .blocked { throw refused("is blocked", .unitBlocked) }
        if let standing = unit.standing, standing.state == .leased, let until = standing.until,
            now < until, standing.station != station
        {
            throw FleetError(
                .resourceConflict,
                "serial number '\(self.serial)' is in use at station "
                    + "'\(standing.station ?? "")' since \(standing.since)",
                resource: self.serial.rawValue
            ).because(.unitLeased)
        }
        if let key, let expected = unit.facts.key, key != expected {
            throw refused("belongs to another key", .unitOfAnotherKey)
        }
        if let mac = unit.facts.mac, let sent = Self.mac(in: parameters), sent.address != mac {
            throw refused(
                "belongs to another MAC address", .unitOfAnotherAddress, parameter: sent.name)
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

extension Provisioner {
    /// A device that its hook refused because a list it asked does not let it in yet is told to
    /// come again; one that is on no list is not.
    /// - Throws: `FleetError.tooManyRequests` for a unit on hold.
    func refuseHeld(_ answer: HookOutcome) async throws(FleetError) {
        guard case .denied = answer.verdict else { return }
        for read in answer.reads {
            guard let serial = try? SerialNumber(read.serial) else { continue }
            let view = try await self.ports.store.load([.allowlistUnit(read.list, serial)])
            if view.allowlistUnit(read.list, serial)?.state == .held {
                throw AllowlistPassage.held(serial)
            }
        }
    }
}
