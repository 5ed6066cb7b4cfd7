package import Fleet
import JSON

/// Clears away what was begun and never finished: a certificate whose token has ended and that no
/// thing, no policy and no operator took up (AWS: deleted at the token's expiry).
package struct PendingSweep: Sendable {
    package struct Counts: Hashable, Sendable {
        package var certificatesDeleted = 0
        package var tokensDeleted = 0
        /// Left for the next time, as the store refused or something changed meanwhile.
        package var postponed = 0

        package init(certificatesDeleted: Int = 0, tokensDeleted: Int = 0, postponed: Int = 0) {
            self.certificatesDeleted = certificatesDeleted
            self.tokensDeleted = tokensDeleted
            self.postponed = postponed
        }
    }

    /// Tokens looked at in one page, and deleted in one commit.
    static let tokensPerCommitMax = 100

    private let store: any FleetStore
    private let clock: any WallClock

    package init(store: any FleetStore, clock: any WallClock) {
        self.store = store
        self.clock = clock
    }

    /// Looks at every token that has ended by now, once.
    /// - Throws: where the store cannot be read.
    package func sweepOnce() async throws(FleetError) -> Counts {
        var counts = Counts()
        var after: String?
        let now = self.clock.now
        repeat {
            let page = try await self.store.page(
                ListQuery(
                    .ownershipTokensExpired(before: now), after: after,
                    limit: Self.tokensPerCommitMax))
            let tokens = page.records.compactMap { record in
                if case .ownershipToken(let token) = record { token } else { nil }
            }
            try await self.sweep(tokens, into: &counts)
            after = page.next
        } while after != nil
        return counts
    }

    private func sweep(
        _ tokens: [OwnershipToken], into counts: inout Counts
    ) async throws(FleetError) {
        guard !tokens.isEmpty else { return }
        var keys: Set<RecordKey> = []
        for token in tokens { keys.formUnion(Self.keys(of: token)) }
        let view = try await self.store.load(keys)
        for set in Self.decide(tokens, in: view) {
            do {
                _ = try await self.store.commit(set, by: .service("sweep"))
                for change in set.changes {
                    if case .deleteCertificate = change { counts.certificatesDeleted += 1 }
                    if case .deleteOwnershipToken = change { counts.tokensDeleted += 1 }
                }
            } catch {
                counts.postponed += 1
            }
        }
    }

    static func keys(of token: OwnershipToken) -> Set<RecordKey> {
        [
            .ownershipToken(token.hash), .certificate(token.certificate),
            .thingsOfCertificate(token.certificate),
            .policiesOfTarget(.certificate(token.certificate)),
        ]
    }

    /// One set for each certificate that goes, so that each has its own audit record; one for all
    /// tokens that go alone.
    static func decide(_ tokens: [OwnershipToken], in view: RegistryView) -> [ChangeSet] {
        var sets: [ChangeSet] = []
        var tokensOnly = ChangeSet(action: "SweepExpiredToken")
        for token in tokens {
            guard view.ownershipToken(token.hash) != nil else { continue }
            guard let certificate = Self.untouched(token, in: view) else {
                tokensOnly.preconditions.append(view.asSeen(.ownershipToken(token.hash)))
                tokensOnly.changes.append(.deleteOwnershipToken(token.hash))
                continue
            }
            sets.append(
                Self.deletion(
                    "SweepExpiredCertificate", of: certificate, token: token, in: view))
        }
        if !tokensOnly.changes.isEmpty { sets.append(tokensOnly) }
        return sets
    }

    /// The certificate of a token that no thing, no policy and no operator has taken up.
    private static func untouched(
        _ token: OwnershipToken, in view: RegistryView
    ) -> Certificate? {
        guard let current = view.ownershipToken(token.hash), current.redemption == nil,
            let certificate = view.certificate(token.certificate),
            certificate.status == .pendingActivation,
            view.thingsOfCertificate(certificate.id).isEmpty,
            view.policiesOfTarget(.certificate(certificate.id)).isEmpty
        else { return nil }
        return certificate
    }

    /// Takes back what was never told; nil where somebody has taken it up.
    /// - Parameter view: holds `keys(of:)`.
    static func withdrawal(of token: OwnershipToken, in view: RegistryView) -> ChangeSet? {
        Self.untouched(token, in: view).map {
            Self.deletion("WithdrawCertificate", of: $0, token: token, in: view)
        }
    }

    /// The record goes; what it said stays in the audit log, for whoever finds the certificate.
    /// Attaching writes no revision of the certificate, so that its sets are relied on too.
    private static func deletion(
        _ action: String, of certificate: Certificate, token: OwnershipToken,
        in view: RegistryView
    ) -> ChangeSet {
        ChangeSet(
            action: action,
            preconditions: [
                view.asSeen(.ownershipToken(token.hash)), view.asSeen(.certificate(certificate.id)),
                view.asSeen(.thingsOfCertificate(certificate.id)),
                view.asSeen(.policiesOfTarget(.certificate(certificate.id))),
            ],
            changes: [
                .deleteCertificate(certificate.id), .deleteOwnershipToken(token.hash),
            ],
            detail: [
                "certificate": .string(certificate.id.rawValue),
                "serialNumber": .string(certificate.serialNumber),
                "subject": .string(certificate.subject),
                "claim": .string(token.claim.rawValue),
                "createdAt": .string(certificate.createdAt.description),
            ])
    }
}
