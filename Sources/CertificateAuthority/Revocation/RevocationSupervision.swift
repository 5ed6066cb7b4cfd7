package import Fleet

/// Whether the list that clients rely upon is signed anew in time. Where it is not, somebody has to
/// know long before its nextUpdate: from then on, clients that check refuse every device.
package struct RevocationSupervision: Sendable {
    private let lifeSeconds: Int64
    private var signedAt: UnixTime

    /// - Parameter start: when the first list was asked for.
    package init(lifeSeconds: Int64, start: UnixTime) {
        self.lifeSeconds = lifeSeconds
        self.signedAt = start
    }

    /// Seconds between two looks: ten in the half-life before a list is signed anew.
    package var intervalSeconds: Int64 { max(1, self.lifeSeconds / 20) }

    /// - Parameter list: what is served now; nil where there is none, which is always an alarm.
    /// - Returns: the age of the last list in seconds where three quarters of its life are over;
    ///   nil while all is well.
    package mutating func look(at list: PublishedStatement?, _ now: UnixTime) -> Int64? {
        if let thisUpdate = list?.thisUpdate { self.signedAt = thisUpdate }
        let age = now.seconds - self.signedAt.seconds
        return list == nil || age > self.lifeSeconds * 3 / 4 ? age : nil
    }
}
