import JSON

/// What the factory counts: units, not devices. A serial number is one unit however many devices
/// carried it, and a copied image is none.
package struct UnitsReport: Hashable, Sendable {
    /// Serial numbers of honest devices.
    package var units = 0
    /// Of these, how many the claim's budget lets in.
    package var expected = 0
    package var provisioned = 0
    /// Serial numbers for which more than one device is still let in, or none that should be.
    package var notOnce = 0
    /// Devices that were to lose: the other one of a serial number, copied images, whatever the
    /// budget has no room for.
    package var losersExpected = 0
    /// Devices that failed and were not to.
    package var losersUnexpected = 0
    package var copies = 0
    /// Copied images that the service let in all the same.
    package var copiesLetIn = 0
    /// Copies that went on to use their original's certificate beside it.
    package var clonesPlayed = 0
    /// Requests answered 429.
    package var turnedAway = 0
    /// Of these, how many without a time to come again.
    package var turnedAwayWithoutTime = 0
    /// Connections of honest devices that were lost, or never came to be.
    package var connectionsDropped = 0

    /// Every unit that should be there is there, once; and nobody else is.
    package var isAsExpected: Bool {
        self.provisioned == self.expected && self.notOnce == 0 && self.losersUnexpected == 0
            && self.copiesLetIn == 0
    }

    var json: JSONValue {
        [
            "asExpected": .bool(self.isAsExpected), "units": .int(self.units),
            "unitsExpected": .int(self.expected), "unitsProvisioned": .int(self.provisioned),
            "unitsNotOnce": .int(self.notOnce), "losersExpected": .int(self.losersExpected),
            "losersUnexpected": .int(self.losersUnexpected), "copies": .int(self.copies),
            "copiesLetIn": .int(self.copiesLetIn), "clonesPlayed": .int(self.clonesPlayed),
            "turnedAway": .int(self.turnedAway),
            "turnedAwayWithoutTime": .int(self.turnedAwayWithoutTime),
            "connectionsDropped": .int(self.connectionsDropped),
        ]
    }

    var lines: [String] {
        var lines = [
            "\(self.isAsExpected ? "as expected" : "NOT AS EXPECTED"): \(self.provisioned) of "
                + "\(self.expected) units provisioned, "
                + (self.notOnce == 0 ? "each once" : "\(self.notOnce) not just once"),
            "devices that lost: \(self.losersExpected) expected, "
                + "\(self.losersUnexpected) unexpected",
        ]
        if self.copies > 0 {
            lines.append(
                "copied images: \(self.copies), of which \(self.copiesLetIn) were let in; "
                    + "\(self.clonesPlayed) used their original's certificate beside it")
        }
        lines.append(
            "turned away with 429: \(self.turnedAway) times, "
                + "\(self.turnedAwayWithoutTime) of them without retry-after; "
                + "connections dropped: \(self.connectionsDropped)")
        return lines
    }
}

/// Counts units while devices end, in memory that grows with the accidents alone.
struct UnitsTally: Sendable {
    /// The devices of one serial number that two were given.
    private struct Shared {
        var ended = 0
        var provisioned = 0
        var failed = 0
        var identities: [DeviceIdentity] = []
    }

    private let budget: Int?
    private var report = UnitsReport()
    private var shared: [Int: Shared] = [:]
    private var failedHonest = 0
    /// Of these, refused as a claim is that may not do this.
    private var failedForbidden = 0

    init(budget: Int?) { self.budget = budget }

    mutating func add(_ outcome: DeviceOutcome) {
        self.report.turnedAway += outcome.turnedAway
        self.report.turnedAwayWithoutTime += outcome.turnedAwayWithoutTime
        let isProvisioned = outcome.failure == nil
        switch outcome.role {
        case .copy:
            self.report.copies += 1
            if outcome.wasPlayedInTheField { self.report.clonesPlayed += 1 }
            if isProvisioned {
                self.report.copiesLetIn += 1
            } else if outcome.failure?.isConflict == true {
                self.report.losersExpected += 1
            } else {
                self.report.losersUnexpected += 1
            }
        case .scannedAgain: self.addShared(outcome, of: outcome.index - 1)
        case .original where outcome.sharesSerial: self.addShared(outcome, of: outcome.index)
        case .original, .honest:
            self.report.units += 1
            self.report.connectionsDropped += outcome.setbacks.count(where: \.isDropped)
            if isProvisioned { self.report.provisioned += 1 } else { self.addFailed(outcome) }
        }
    }

    private mutating func addFailed(_ outcome: DeviceOutcome) {
        self.failedHonest += 1
        if outcome.failure?.isForbidden == true { self.failedForbidden += 1 }
    }

    private mutating func addShared(_ outcome: DeviceOutcome, of index: Int) {
        var group = self.shared[index] ?? Shared()
        if group.ended == 0 { self.report.units += 1 }
        group.ended += 1
        if outcome.failure == nil { group.provisioned += 1 } else { group.failed += 1 }
        if let identity = outcome.identity { group.identities.append(identity) }
        self.shared[index] = group
    }

    /// In the order of `report(letIn:)`.
    var sharedIdentities: [[DeviceIdentity]] {
        self.shared.keys.sorted().compactMap { self.shared[$0]?.identities }
            .filter { !$0.isEmpty }
    }

    /// - Parameter letIn: how many of each group's identities are still good.
    func finished(letIn: [Int], notBegun: Int) -> UnitsReport {
        var report = self.report
        report.units += notBegun
        var (failed, forbidden) = (self.failedHonest, self.failedForbidden)
        for group in self.shared.values {
            if group.provisioned > 0 {
                report.provisioned += 1
                report.losersExpected += group.failed
            } else {
                failed += group.failed
                forbidden += group.failed
            }
        }
        report.notOnce = letIn.count { $0 != 1 }
        report.expected = min(report.units, self.budget ?? report.units)
        // What the budget has no room for was to be refused, and as a claim is refused.
        let beyond = self.budget == nil ? 0 : min(forbidden, failed)
        report.losersExpected += beyond
        report.losersUnexpected += failed - beyond + notBegun
        return report
    }
}
