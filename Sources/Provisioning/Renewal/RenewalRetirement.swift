package import Fleet
import JSON

/// Retires certificates that were renewed: once the new one was seen on a connection of its own,
/// or when the overlap is over. A new one that was taken away meanwhile leaves the old one as it
/// is, since the device has no other.
package struct RenewalRetirement: Sendable {
    private let store: any FleetStore
    private let clock: any WallClock

    package init(store: any FleetStore, clock: any WallClock) {
        self.store = store
        self.clock = clock
    }

    /// Looks at every renewal that is open, once.
    /// - Returns: how many were settled.
    package func sweepOnce() async throws(FleetError) -> Int {
        var settled = 0
        var after: String?
        repeat {
            let page = try await self.store.page(ListQuery(.renewalsOpen, after: after))
            for case .renewal(let renewal) in page.records
            where try await self.settle(renewal.predecessor) { settled += 1 }
            after = page.next
        } while after != nil
        return settled
    }

    /// What a commit means for renewals: the first sight of a new certificate ends the old one.
    /// - Returns: how many were settled.
    package func note(_ commit: Commit) async throws(FleetError) -> Int {
        var settled = 0
        for case .recordFirstSeen(let id, _) in commit.changes {
            let view = try await self.store.load([.certificate(id)])
            guard let old = view.certificate(id)?.provenance?.renewal?.of else { continue }
            if try await self.settle(old) { settled += 1 }
        }
        return settled
    }

    private func settle(_ id: CertificateID) async throws(FleetError) -> Bool {
        let view = try await self.store.load([.renewal(id), .certificate(id)]) {
            RenewalLink.further($0, of: id)
        }
        guard let renewal = view.renewal(of: id),
            let set = Self.decide(renewal, in: view, at: self.clock.now)
        else { return false }
        do throws(FleetError) {
            _ = try await self.store.commit(set, by: .service("renewal"))
            return true
        } catch {
            // Somebody changed one of them; the next look decides afresh.
            guard error.code == .conflict else { throw error }
            return false
        }
    }

    /// - Returns: nil where it is not time yet.
    static func decide(
        _ renewal: Renewal, in view: RegistryView, at now: UnixTime
    ) -> ChangeSet? {
        guard renewal.settledAt == nil else { return nil }
        let successor = view.certificate(renewal.successor)
        let isProven = successor?.firstSeenAt != nil
        guard isProven || now >= renewal.overlapEndsAt else { return nil }
        var settled = renewal
        settled.settledAt = now
        var changes: [Change] = [.putRenewal(settled)]
        let retires =
            view.certificate(renewal.predecessor)?.status == .active
            && successor?.status == .active
        if retires {
            changes.append(
                .setCertificateStatus(
                    renewal.predecessor, .inactive,
                    reason: RenewalMark.renewed(as: renewal.successor), at: now))
        }
        return ChangeSet(
            action: "RetireCertificate",
            preconditions: [
                view.asSeen(.renewal(renewal.predecessor)),
                view.asSeen(.certificate(renewal.predecessor)),
                view.asSeen(.certificate(renewal.successor)),
            ],
            changes: changes,
            detail: [
                "certificate": .string(renewal.predecessor.rawValue),
                "renewedAs": .string(renewal.successor.rawValue),
                "because": isProven ? "the new certificate was seen" : "the overlap is over",
                "retired": .bool(retires),
            ])
    }
}
