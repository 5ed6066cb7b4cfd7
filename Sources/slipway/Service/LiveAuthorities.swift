import CertificateAuthority
import ControlPlane
import Fleet
import Foundation
import JSON
import Logging
import MQTTBroker
import Registry
import SQLiteStorage
import ServiceLifecycle

/// Takes in what is made, rotated, accepted or retired in `pki/` while the service runs, and keeps
/// the gateway's own certificate young.
///
/// Whatever does not hold changes nothing: the service goes on with what it had, and says so.
actor LiveAuthorities {
    /// What lies in `pki/`, read whole and checked as at a start.
    private struct Found {
        let manifest: AuthorityManifest
        let authorities: IssuingAuthorities
        let profiles: CertificateProfiles
        let roots: Set<PublicKeyFingerprint>
        let anchors: [CertificateFacts]
    }

    /// How often a list that changes meanwhile is read again.
    private static let attemptsMax = 5

    private let composition: Composition
    private let identity: ControlServer.TLSIdentity
    private let trust: ESTTrust
    private var profiles: CertificateProfiles
    /// The certificate that TLS shows; nil before this was first asked.
    private var shown: CertificateID?
    /// A token may be at work on the gateway's certificate; a second one is not made beside it.
    private var isKeeping = false

    init(
        _ composition: Composition, identity: ControlServer.TLSIdentity, trust: ESTTrust
    ) throws(FleetError) {
        self.composition = composition
        self.identity = identity
        self.trust = trust
        self.profiles = try ProfileFolder(composition.settings, composition.installation).load()
    }

    private var folder: AuthorityFolder {
        AuthorityFolder(
            installation: self.composition.installation,
            tokens: self.composition.tokens.tokens)
    }

    // MARK: Authorities

    /// - Returns: the authorities there are now.
    /// - Throws: `FleetError` naming what does not hold; the service goes on as before.
    func reload(by actor: Actor) async throws(FleetError) -> JSONValue {
        for _ in 0..<Self.attemptsMax {
            let found = try self.read()
            let told = try await FleetFounding(
                installation: self.composition.installation, realm: self.composition.realm,
                store: self.composition.store, clock: self.composition.clock, actor: actor
            ).registerAuthorities()
            for what in told {
                self.composition.logger.notice("registered", metadata: ["what": "\(what)"])
            }
            // Somebody else may have been at work meanwhile, and another reload been faster.
            guard try self.folder.manifest().entries == found.manifest.entries else { continue }
            try self.take(found)
            await self.keepGateway()
            return self.answer(found)
        }
        throw FleetError(.conflict, "the list of authorities keeps changing: try again")
    }

    private func read() throws(FleetError) -> Found {
        let (settings, installation) = (self.composition.settings, self.composition.installation)
        let manifest = try self.folder.manifest()
        let passphrase = try PassphraseSource(settings, installation).readAgain()
        if let source = PassphraseSource(pinOf: settings, installation), source.liesInFile {
            self.composition.tokens.tokens.use(pin: try source.read())
        }
        let authorities = try self.folder.openIssuing(passphrase)
        let profiles = try ProfileFolder(settings, installation).load()
        try profiles.check(against: authorities)
        return Found(
            manifest: manifest, authorities: authorities, profiles: profiles,
            roots: Set(try self.folder.roots(manifest).map { $0.certificate.publicKey }),
            anchors: try self.folder.anchors(manifest))
    }

    /// Trusted, and with a voice on who is revoked, before it signs. Nothing here waits, so that
    /// two reloads cannot mix.
    private func take(_ found: Found) throws(FleetError) {
        let publication = try RevocationParts.publication(self.composition.settings)
        try self.composition.broker.reload(
            tls: Composition.tlsMaterial(self.composition.installation))
        self.trust.use(found.anchors)
        try self.composition.revocation.use(
            found.authorities, responder: found.profiles.responder)
        self.composition.issuer.use(
            found.authorities, found.profiles.issuing(publication), authorityKeys: found.roots)
        self.profiles = found.profiles
    }

    private func answer(_ found: Found) -> JSONValue {
        self.composition.logger.notice(
            "authorities read anew",
            metadata: ["issuing": "\(found.authorities.all.map(\.name).joined(separator: " "))"])
        return [
            "authorities": .array(
                found.authorities.all.map { authority in
                    [
                        "name": .string(authority.name),
                        "id": .string(authority.certificate.id.rawValue),
                        "retired": .bool(authority.isRetired),
                    ]
                }),
            "gatewayCertificateId": self.shown.map { .string($0.rawValue) } ?? nil,
        ]
    }

    // MARK: The gateway

    /// Makes the gateway's certificate anew where it is time, enters what is shown in the
    /// registry, and shows it from the next handshake on. What fails is tried again.
    func keepGateway() async {
        do throws(FleetError) { try await self.keepGatewayOnce() } catch {
            self.composition.logger.error(
                "the gateway's own certificate is not kept", metadata: ["error": "\(error)"])
        }
    }

    private func keepGatewayOnce() async throws(FleetError) {
        guard !self.isKeeping else { return }
        self.isKeeping = true
        defer { self.isKeeping = false }
        let (installation, store) = (self.composition.installation, self.composition.store)
        try self.folder.pair("gateway").finishReplacing()
        // The chain's first; `read` gives one at least.
        guard let present = try CertificateFile.read(installation.gatewayCertificate).first
        else { return }
        guard let issued = self.own(present) else {
            // Another's, which an operator has put there and keeps young.
            return try self.show(present.id)
        }
        let status = try await store.load([.certificate(present.id)])
            .certificate(present.id)?.status
        let hasItsNames = try GatewayIdentity.areNamed(
            by: self.composition.settings, in: present)
        guard let made = try await self.madeAnew(issued, status, hasItsNames) else {
            try await self.enter(issued, after: nil, because: nil)
            return try self.show(present.id)
        }
        // Known before it is shown. A crash before the commit leaves a pair that the next start
        // enters, and its predecessor ACTIVE, which nobody can show any more.
        try await self.enter(made.issued, after: present.id, because: made.occasion)
        try self.show(made.issued.id)
        self.composition.logger.notice(
            "the gateway's certificate is made anew",
            metadata: [
                "certificate": "\(made.issued.id)", "because": "\(made.occasion.rawValue)",
                "notAfter": "\(made.issued.notAfter)",
            ])
    }

    /// nil where no authority of this service signed it.
    private func own(_ certificate: CertificateFacts) -> IssuedCertificate? {
        self.composition.issuer.authorities.all
            .first { certificate.isSigned(by: $0.certificate) }
            .map { certificate.issued(by: $0.certificate.id) }
    }

    private func madeAnew(
        _ present: IssuedCertificate, _ status: Certificate.Status?, _ hasItsNames: Bool
    ) async throws(FleetError) -> (
        issued: IssuedCertificate, occasion: GatewayCertificate.Occasion
    )? {
        let now = self.composition.clock.now
        let authorities = self.composition.issuer.authorities
        let identity = GatewayIdentity(
            GatewayIdentity.names(self.composition.settings),
            AuthorityCeremony.Circumstances(now: now, entropy: SystemEntropy()))
        let (_, issuer) = try identity.issuer(self.profiles, of: authorities)
        let occasion = GatewayCertificate.occasion(
            present, status: status,
            isOfCurrentIssuer: issuer.certificate.id == present.issuerID,
            hasItsNames: hasItsNames, at: now)
        guard let occasion else { return nil }
        let made: GatewayIdentity.Made
        do throws(FleetError) {
            made = try await identity.makeSuspending(self.profiles, of: authorities)
        } catch {
            guard occasion == .namesAdded else { throw error }
            // Such as a name that the CA may not give: the one that is there serves on.
            self.composition.logger.error(
                "the gateway's certificate has not all of gateway.names",
                metadata: ["error": "\(error)"])
            return nil
        }
        // A command that is at work in the folder comes first.
        let lock = try PrivateFile.lock(self.composition.installation.pki)
        defer { close(lock) }
        let pair = self.folder.pair("gateway")
        try made.key.expose { key throws(FleetError) in
            try pair.replace(key: key.withBytes { Array($0) }, certificate: made.chain)
        }
        return (made.certificate, occasion)
    }

    private func enter(
        _ issued: IssuedCertificate, after predecessor: CertificateID?,
        because occasion: GatewayCertificate.Occasion?
    ) async throws(FleetError) {
        let store = self.composition.store
        var keys: Set<RecordKey> = [.certificate(issued.id)]
        if let predecessor { keys.insert(.certificate(predecessor)) }
        let set = GatewayCertificate.enter(
            issued, after: predecessor, because: occasion, in: try await store.load(keys),
            at: self.composition.clock.now)
        guard !set.changesNothing else { return }
        _ = try await store.commit(set, by: .service("gateway"))
    }

    private func show(_ id: CertificateID) throws(FleetError) {
        guard self.shown != id else { return }
        let material = try Composition.tlsMaterial(self.composition.installation)
        try self.identity.use(chain: material.certificateChain, key: material.privateKey)
        try self.composition.broker.reload(tls: material)
        self.shown = id
    }
}

/// Looks after the gateway's certificate until asked to stop: its own end, and the day from which
/// another authority signs for servers.
struct GatewayKeeping: Service {
    /// Ten minutes: a certificate that lives for hours is made anew in time.
    private static let intervalSeconds: Int64 = 600

    let live: LiveAuthorities

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                // Only a stop cuts the sleep short, and then nothing more is done.
                try? await Task.sleep(for: .seconds(Self.intervalSeconds))
                guard !Task.isCancelled else { return }
                await self.live.keepGateway()
            }
        }
    }
}
