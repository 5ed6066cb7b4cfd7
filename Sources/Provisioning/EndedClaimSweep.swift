package import Fleet
import JSON

/// Takes away claims of CreateProvisioningClaim whose minutes are over. What they brought in stays,
/// and names them; a claim that somebody revoked is evidence, and stays too.
package struct EndedClaimSweep: Sendable {
    /// Claims looked at in one page. Each goes by a commit of its own, with its own audit record.
    static let pageClaims = 100

    private let store: any FleetStore
    private let clock: any WallClock

    package init(store: any FleetStore, clock: any WallClock) {
        self.store = store
        self.clock = clock
    }

    /// Looks once at every claim that has ended, and whose devices had time to finish.
    /// - Returns: how many went. One that changed meanwhile is looked at the next time.
    /// - Throws: where the store cannot be read or written.
    @discardableResult
    package func sweepOnce() async throws(FleetError) -> Int {
        var swept = 0
        var after: String?
        let end = self.clock.now.advanced(bySeconds: -ClaimStanding.graceSeconds)
        repeat {
            let page = try await self.store.page(
                ListQuery(.temporaryClaimsEnded(before: end), after: after, limit: Self.pageClaims))
            for case .certificate(let claim) in page.records {
                let view = try await self.store.load([.certificate(claim.id)])
                do throws(FleetError) {
                    _ = try await self.store.commit(
                        Self.deletion(of: claim, in: view), by: .service("sweep"))
                    swept += 1
                } catch {
                    guard error.code == .conflict else { throw error }
                }
            }
            after = page.next
        } while after != nil
        return swept
    }

    /// The record goes; what it said stays in the audit log, for whoever asks about a certificate
    /// that came in by it.
    private static func deletion(of claim: Certificate, in view: RegistryView) -> ChangeSet {
        ChangeSet(
            action: "SweepEndedClaim", preconditions: [view.asSeen(.certificate(claim.id))],
            changes: [.deleteCertificate(claim.id)],
            detail: [
                "certificate": .string(claim.id.rawValue),
                "serialNumber": .string(claim.serialNumber),
                "reason": claim.statusReason.map { .string($0) } ?? nil,
                "createdAt": .string(claim.createdAt.description),
                "endedAt": .string(claim.notAfter.description),
            ])
    }
}
