import Fleet
import Synchronization

/// How many certificates a claim may still ask for in this minute. A bucket that fills evenly, in
/// memory: a restart forgives what was asked before it.
final class ClaimRates: Sendable {
    private struct Bucket {
        /// In parts of a certificate, of which a rate of one gains one in a millisecond: nothing is
        /// lost to rounding, however often a claim asks.
        var level: Int64
        var at: UnixTime
    }

    private static let partsPerCertificate: Int64 = 60_000
    /// More in a minute than any machine makes, and far from what an Int64 holds.
    private static let rateMax = 1_000_000_000

    /// One for each claim that has a rate, so as many as operators made.
    private let buckets = Mutex<[ClaimName: Bucket]>([:])

    /// - Throws: `FleetError.claimBusy` where the claim has asked for too many.
    func take(_ terms: ClaimTerms, at now: UnixTime) throws(FleetError) {
        guard let rate = terms.perMinute else { return }
        let perMillisecond = Int64(min(rate, Self.rateMax))
        let full = perMillisecond * Self.partsPerCertificate
        let isThere = self.buckets.withLock { buckets in
            var bucket = buckets[terms.name] ?? Bucket(level: full, at: now)
            // A clock that jumped back fills nothing, and one that jumped ahead no more than full.
            let elapsed = min(60_000, max(0, now.milliseconds - bucket.at.milliseconds))
            bucket.level = min(full, bucket.level + elapsed * perMillisecond)
            bucket.at = now
            defer { buckets[terms.name] = bucket }
            guard bucket.level >= Self.partsPerCertificate else { return false }
            bucket.level -= Self.partsPerCertificate
            return true
        }
        guard isThere else {
            throw FleetError(
                .claimBusy, "claim '\(terms.name)' asks for more than \(rate) certificates a minute"
            ).because(.claimRateExceeded)
        }
    }
}

extension Provisioner {
    /// Whether the claim may ask for a certificate, before any work is put into one.
    /// - Returns: its standing, and the view that it was judged by, which also tells who signs.
    func admit(
        _ publisher: Publisher
    ) async throws(FleetError) -> (ClaimStanding, seen: RegistryView) {
        let view = try await self.ports.store.load(
            ClaimStanding.keysToCreate(publisher.principal).union([.certificateProviders]))
        try Speaker.check(publisher.principal, in: view)
        let standing = ClaimStanding(publisher, in: view, creating: true)
        let now = self.ports.clock.now
        try standing.checkCreation(at: now)
        if let terms = standing.terms { try self.rates.take(terms, at: now) }
        return (standing, view)
    }
}
