import CertificateAuthority
import Fleet
import Foundation
import Registry

/// Writes into the store what init made on disk: authorities, the demo claim with its policy, the
/// demo allowlist, templates and hooks. Each is put only where it is not there.
struct FleetFounding: Sendable {
    let installation: Installation
    let realm: Realm
    let store: any FleetStore & AllowlistDrafts
    let clock: any WallClock
    let actor: Actor

    /// What was put now, for people.
    func run() async throws(FleetError) -> [String] {
        var made: [String] = []
        made += try await self.registerAuthorities()
        made += try await self.registerClaim()
        made += try await self.importDemoAllowlist()
        return made
    }

    /// Brings the store to what the list of authorities says: the gateway lets in nobody whose
    /// issuer the store does not know, or holds for INACTIVE, as one that was taken out of the
    /// list is from then on.
    func registerAuthorities() async throws(FleetError) -> [String] {
        var made: [String] = []
        var listed: Set<CertificateID> = []
        let folder = AuthorityFolder(installation: self.installation)
        let manifest = try folder.manifest()
        for entry in manifest.roots + manifest.issuing {
            let facts = try folder.certificate(entry)
            let authority = facts.authority(role: entry.role, at: self.clock.now)
            let set = Certificates.registerAuthority(
                authority, in: try await self.store.load([.authority(authority.id)]))
            listed.insert(authority.id)
            guard !set.changesNothing else { continue }
            _ = try await self.store.commit(set, by: self.actor)
            made.append("\(entry.role.rawValue) CA \(authority.id)")
        }
        return try await made + self.setOwnStatuses(listed)
    }

    private func setOwnStatuses(
        _ listed: Set<CertificateID>
    ) async throws(FleetError) -> [String] {
        var told: [String] = []
        var after: String?
        repeat {
            let page = try await self.store.page(ListQuery(.authorities, after: after))
            for case .authority(let authority) in page.records where authority.role != .registered {
                let view = try await self.store.load([.authority(authority.id)])
                let set = try Authorities.setOwn(
                    authority.id, isListed: listed.contains(authority.id), in: view,
                    at: self.clock.now)
                guard !set.changesNothing else { continue }
                _ = try await self.store.commit(set, by: self.actor)
                let word = listed.contains(authority.id) ? "ACTIVE again" : "INACTIVE"
                told.append("\(authority.role.rawValue) CA \(authority.id) is \(word)")
            }
            after = page.next
        } while after != nil
        return told
    }

    private func registerClaim() async throws(FleetError) -> [String] {
        let facts = try PrivateFile.certificate(
            self.installation.claimCertificate, as: "the claim certificate")
        let issuer = try self.issuer(of: facts)
        let now = self.clock.now
        let origin = Provenance.Origin(
            flow: .operatorMade, claim: nil, clientID: nil, sourceAddress: nil, requestedAt: now)
        let registration = ClaimRegistration(
            certificate: Certificate(
                issued: facts.issued(by: issuer.id), kind: .claim, status: .active,
                reason: "made by init", at: now, provenance: Provenance(origin: origin)),
            claim: Claim(
                certificate: facts.id, label: DemoLine.label, station: DemoLine.station,
                lot: DemoLine.lot, createdAt: now),
            policy: try PolicyName(DemoLine.claimPolicy),
            policyDocument: ClaimPolicy.document(
                template: try TemplateName(DemoLine.template), in: self.realm),
            terms: ClaimTerms(
                name: try ClaimName(DemoLine.label), createdAt: now,
                createdBy: self.actor.person, templates: [try TemplateName(DemoLine.template)],
                station: DemoLine.station, lot: DemoLine.lot))
        let view = try await self.store.load(registration.keys)
        // A claim that is known is left as it is: an operator may have changed or revoked it.
        guard view.certificate(facts.id) == nil else { return [] }
        _ = try await self.store.commit(
            try registration.changeSet(in: view, at: now), by: self.actor)
        return ["claim \(DemoLine.label) \(facts.id)"]
    }

    private func issuer(of certificate: CertificateFacts) throws(FleetError) -> CertificateFacts {
        let folder = AuthorityFolder(installation: self.installation)
        for entry in try folder.manifest().issuing {
            let issuer = try folder.certificate(entry)
            if certificate.isSigned(by: issuer) { return issuer }
        }
        throw FleetError(
            .invalidRequest,
            "'\(self.installation.claimCertificate)' is of no issuing CA that is here: put the "
                + "right one back, or move it away with its key to have a new one made")
    }

    private func importDemoAllowlist() async throws(FleetError) -> [String] {
        let name = try AllowlistName(DemoLine.allowlist)
        guard try await self.store.load([.allowlist(name)]).allowlist(name) == nil else {
            return []
        }
        let bytes = Array((DemoLine.serials.joined(separator: "\n") + "\n").utf8)
        if !PrivateFile.exists(self.installation.demoSerials) {
            try PrivateFile.create(self.installation.demoSerials, bytes)
        }
        let stream = AsyncStream<[UInt8]> { continuation in
            continuation.yield(bytes)
            continuation.finish()
        }
        let report = try await AllowlistImport(
            store: self.store, drafts: self.store, clock: self.clock
        ).run(name, mode: .merge, chunks: stream, by: self.actor)
        return ["allowlist \(name) with \(report.serialsRead) serial numbers"]
    }
}
