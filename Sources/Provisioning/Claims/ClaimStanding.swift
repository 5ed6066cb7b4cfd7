import Fleet
import Registry

/// What a publisher's claim lets it do just now: judged once before anything is signed, again with
/// every commit, and held to in the commit by preconditions.
///
/// A principal without terms (a trusted user's claim, a device that may provision others) is bound
/// by its policy, and by how much it may leave unfinished.
struct ClaimStanding {
    /// How long after its certificate's end a trusted user's claim may still finish (AWS: within
    /// 5 minutes of connecting, and it connects within 5 minutes).
    static let graceSeconds: Int64 = TrustedUserClaim.lifeSeconds

    let publisher: Publisher
    /// `enrolment.serialParameter`.
    var serialParameter = EnrolmentSettings().serialParameter
    /// What the template declares: a parameter that it does not read says nothing of the device.
    var declared: Set<String> = []
    let claim: Claim?
    let terms: ClaimTerms?
    private let certificate: Certificate?
    private let termsSeen: Precondition
    private let pending: Int?
    /// Of a dry run that does not say where the claim would be used from.
    private let isAnywhere: Bool

    static func keys(of principal: CertificateID) -> Set<RecordKey> {
        [.certificate(principal), .claim(principal), .termsOfClaim(principal)]
    }

    static func keysToCreate(_ principal: CertificateID) -> Set<RecordKey> {
        Self.keys(of: principal).union([.pendingOfClaim(principal)])
    }

    /// - Parameters:
    ///   - view: holds `keys(of:)`, and `keysToCreate` where certificates are asked for.
    init(_ publisher: Publisher, in view: RegistryView, creating: Bool = false) {
        self.publisher = publisher
        self.claim = view.claim(publisher.principal)
        self.terms = view.claimTerms(of: publisher.principal)
        self.certificate = view.certificate(publisher.principal)
        self.termsSeen = view.asSeen(.termsOfClaim(publisher.principal))
        self.pending = creating ? view.count(.pendingOfClaim(publisher.principal)) : nil
        self.isAnywhere = false
    }

    /// The standing of a dry run, which comes by the newest certificate that the claim has.
    /// - Parameters:
    ///   - certificates: the claim's.
    ///   - view: holds `.claimTerms(terms.name)`, and of `certificates` the records, the claims and
    ///     how many of theirs are pending.
    init(
        trying terms: ClaimTerms, by certificates: [CertificateID], from address: String?,
        in view: RegistryView
    ) {
        let newest = certificates.compactMap { view.certificate($0) }
            .filter { $0.status == .active }.max { $0.createdAt < $1.createdAt }
        self.publisher = Publisher(
            principal: newest?.id ?? DryRun.standInCertificate, kind: .claim, clientID: "dry-run",
            sourceAddress: address ?? "")
        self.claim = newest.flatMap { view.claim($0.id) }
        self.terms = terms
        self.certificate = newest
        self.termsSeen = view.asSeen(.claimTerms(terms.name))
        self.pending = newest.map { view.count(.pendingOfClaim($0.id)) }
        self.isAnywhere = address == nil
    }

    /// The networks that nobody has been held against; empty where there are none.
    var networksNotAsked: [String] { self.isAnywhere ? self.terms?.networks ?? [] : [] }

    var station: String? { self.terms.map(\.station) ?? self.claim?.station }
    var lot: String? { self.terms.map(\.lot) ?? self.claim?.lot }

    private var pendingMax: Int { self.terms?.pendingMax ?? ClaimTerms.pendingWithoutTerms }

    private func refused(_ why: String) -> FleetError {
        let name = self.terms.map { "claim '\($0.name)' " } ?? "the claim "
        return FleetError(.claimRefused, name + why, resource: self.terms?.name.rawValue)
    }

    // MARK: Judging

    /// Whether the claim may be used here and now, for anything at all.
    /// - Throws: `FleetError.claimRefused`, which says to the log what no device is told.
    private func check(at now: UnixTime) throws(FleetError) {
        if let certificate = self.certificate, certificate.kind != .device {
            let grace = certificate.kind == .temporaryClaim ? Self.graceSeconds : 0
            guard now < certificate.notAfter.advanced(bySeconds: grace) else {
                throw self.refused("has a certificate that ended at \(certificate.notAfter)")
            }
        }
        guard let terms = self.terms else { return }
        guard terms.status == .active else {
            throw self.refused("is \(terms.status.rawValue)")
        }
        if let begin = terms.notBefore, now < begin {
            throw self.refused("is not valid before \(begin)")
        }
        if let end = terms.notAfter, now >= end { throw self.refused("ended at \(end)") }
        guard
            terms.networks.isEmpty || self.isAnywhere
                || ClaimNetwork.contains(self.publisher.sourceAddress, in: terms.networks)
        else {
            throw self.refused("may not be used from \(self.publisher.sourceAddress.clipped)")
        }
        guard terms.shifts.isEmpty || terms.shifts.contains(where: { $0.contains(now) }) else {
            throw self.refused("may not be used outside its shifts")
        }
    }

    /// Whether another certificate may be made.
    /// - Throws: `FleetError.claimRefused`; `.claimBusy` where too many wait.
    func checkCreation(at now: UnixTime) throws(FleetError) {
        try self.check(at: now)
        if let pending = self.pending, pending >= self.pendingMax {
            let name = self.terms.map { "claim '\($0.name)'" } ?? "the claim"
            throw FleetError(
                .claimBusy,
                "\(pending) certificates of \(name) wait to be registered; no more than "
                    + "\(self.pendingMax) may"
            ).because(.claimPendingExceeded)
        }
    }

    /// What must still hold when the certificate is committed.
    var preconditionsOfCreation: [Precondition] {
        [
            self.termsSeen, .below(.pendingOfClaim(self.publisher.principal), self.pendingMax),
        ]
    }

    /// Whether a device may be registered by the template at all.
    func checkRegistration(
        by template: TemplateName, at now: UnixTime
    ) throws(FleetError) {
        try self.check(at: now)
        if let templates = self.terms?.templates, !templates.contains(template) {
            throw self.refused("may not use template '\(template)'")
        }
    }

    // MARK: Spending

    /// What `spending` has to see.
    func keysToSpend(on thing: ThingName) -> Set<RecordKey> {
        guard let terms = self.terms else { return [] }
        return [.claimUnit(terms.name, thing), .claimSpent(terms.name)]
    }

    /// The unit that a registration spends, taken in the very commit that registers: two that want
    /// the last one meet there, and one of them is decided afresh and refused.
    ///
    /// - Parameter view: holds `keysToSpend(on: thing)`.
    /// - Returns: nil where the claim has no terms.
    func spending(
        on thing: ThingName, parameters: [String: String], station: String?,
        in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet? {
        guard let terms = self.terms else { return nil }
        try self.check(parameters, against: terms)
        let unit = RecordKey.claimUnit(terms.name, thing)
        let spent = RecordKey.claimSpent(terms.name)
        var preconditions = [self.termsSeen]
        if view.count(unit) > 0 {
            guard view.count(unit) < terms.registrationsPerUnit else {
                throw self.refused(
                    "has registered '\(thing)' \(view.count(unit)) times, as often as it may")
            }
            preconditions += [.present(unit), .below(unit, terms.registrationsPerUnit)]
        } else {
            preconditions.append(.absent(unit))
            if let budget = terms.budget {
                guard view.count(spent) < budget else {
                    throw self.refused("has spent its budget of \(budget)")
                }
                preconditions.append(.below(spent, budget))
            }
        }
        return ChangeSet(
            action: "SpendClaim", preconditions: preconditions,
            changes: [
                .spendClaim(
                    ClaimSpend(claim: terms.name, thing: thing, station: station, at: now))
            ])
    }

    private func check(
        _ parameters: [String: String], against terms: ClaimTerms
    ) throws(FleetError) {
        guard let range = terms.serials else { return }
        let read = parameters.filter { self.declared.contains($0.key) }
        let spellings = DeviceSerial.all(in: read, named: self.serialParameter)
        guard let serial = spellings.first else {
            throw self.refused("is for serial numbers \(range), and the device names none")
        }
        // Two that differ would let one be judged and the other name the thing.
        guard Set(spellings).count == 1 else {
            throw self.refused(
                "is for serial numbers \(range), and the device names "
                    + spellings.map { "'\($0.clipped)'" }.joined(separator: " and "))
        }
        guard range.contains(serial) else {
            throw self.refused("is for serial numbers \(range), not '\(serial.clipped)'")
        }
    }
}

/// Which of a registration's parameters is the device's serial number: for claims, for traces and
/// for whoever lists enrolments the same.
package enum DeviceSerial {
    /// As templates and AWS's samples call it.
    private static let names = [
        "SerialNumber", "serialNumber", "serial_number", "Serial", "serial",
    ]

    /// - Parameter name: what `enrolment.serialParameter` says, which goes first.
    package static func find(in parameters: [String: String], named name: String) -> String? {
        Self.all(in: parameters, named: name).first
    }

    /// Every spelling that is there, by rank.
    static func all(in parameters: [String: String], named name: String) -> [String] {
        ([name] + Self.names.filter { $0 != name }).compactMap { parameters[$0] }
    }
}
