import Fleet
import JSON
import Registry

/// What a plan counts, as it goes through the certificates.
struct RevocationReach {
    private var certificates: Set<CertificateID> = []
    private var revoked = 0
    private var online = 0
    private var claims: [CertificateID: String] = [:]
    private var kinds: [String: Int] = [:]
    private var lines: [String: Int] = [:]
    private var stations: [String: Int] = [:]
    private var lots: [String: Int] = [:]
    private var templates: [String: Int] = [:]

    static func requireRoom(
        _ count: Int, _ services: ControlPlaneServices
    ) throws(FleetError) {
        guard count <= services.revocationPlanMax else {
            throw FleetError(
                .limitExceeded,
                "--where reaches more than \(services.revocationPlanMax) certificates "
                    + "(revocation.planMax): narrow it, such as by 'issued between', and revoke in "
                    + "parts")
        }
    }

    /// The service's own measuring device came from no line, and the service would make another.
    static func isMeant(_ certificate: Certificate) -> Bool { !certificate.kind.isServices }

    /// A page at a time: each of the two further look-ups is one for the page.
    mutating func add(
        _ page: [Certificate], _ services: ControlPlaneServices
    ) async throws(FleetError) {
        var fresh: [Certificate] = []
        for certificate in page where Self.isMeant(certificate) {
            if self.certificates.insert(certificate.id).inserted { fresh.append(certificate) }
        }
        try Self.requireRoom(self.certificates.count, services)
        guard !fresh.isEmpty else { return }
        let store = services.store
        let unknown = Set(fresh.compactMap { $0.provenance?.origin.claim })
            .filter { self.claims[$0] == nil }
        let view = try await store.load(
            Set(fresh.map { RecordKey.thingsOfCertificate($0.id) })
                .union(unknown.map { .claim($0) }))
        for claim in unknown { self.claims[claim] = view.claim(claim)?.label ?? "-" }
        let things = Dictionary(
            uniqueKeysWithValues: fresh.map {
                ($0.id, view.thingsOfCertificate($0.id).map(\.thing))
            })
        let documents = try await store.load(
            Set(things.values.joined().map { RecordKey.documentOfThing($0) }))
        for certificate in fresh {
            // One that is superseded has no connection, though its thing may have.
            let isOnline =
                certificate.status == .active
                && things[certificate.id, default: []].contains { thing in
                    documents.documentOfThing(thing)?.connectivity?.isConnected == true
                }
            self.count(certificate, isOnline: isOnline)
        }
    }

    private mutating func count(_ certificate: Certificate, isOnline: Bool) {
        if certificate.status == .revoked { self.revoked += 1 }
        if isOnline { self.online += 1 }
        self.kinds[certificate.kind.rawValue, default: 0] += 1
        let provenance = certificate.provenance
        let line = provenance?.origin.claim.flatMap { self.claims[$0] } ?? "-"
        self.lines[line, default: 0] += 1
        self.stations[provenance?.station ?? "-", default: 0] += 1
        self.lots[provenance?.lot ?? "-", default: 0] += 1
        let registration = provenance?.registration
        let version = registration?.templateVersion.map { " v\($0)" } ?? ""
        self.templates[(registration?.template?.rawValue ?? "-") + version, default: 0] += 1
    }

    func json(entryBytes: Int, namedMax: Int) -> JSONValue {
        func counts(_ counts: [String: Int]) -> JSONValue {
            .object(
                JSONObject(counts.sorted { $0.key < $1.key }.map { ($0.key, .int($0.value)) }))
        }
        let plan = RevocationPlan(self.certificates)
        return [
            "plan": .string(plan.digest),
            "count": .int(plan.certificates.count),
            "revokedAlready": .int(self.revoked),
            "online": .int(self.online),
            "crlBytesMore": .int((plan.certificates.count - self.revoked) * entryBytes),
            "kinds": counts(self.kinds),
            "lines": counts(self.lines), "stations": counts(self.stations),
            "lots": counts(self.lots), "templates": counts(self.templates),
            "certificates": .array(
                plan.certificates.prefix(namedMax).map { .string($0.rawValue) }),
        ]
    }
}
