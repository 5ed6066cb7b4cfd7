import Fleet

/// Signed OCSP answers that are kept, a bounded number of them: where it is full, one that nobody
/// asked for lately makes room.
///
/// An answer is kept with the standing it speaks of. Whoever looks it up names the standing read a
/// moment ago, so that no kept answer outlives the truth.
struct StatusAnswerCache {
    private struct Kept {
        var standing: CertificateStanding
        var statement: PublishedStatement
        /// Asked for again since it was signed, or since the hand passed.
        var wasAsked = false
        let place: Int
    }

    let answersMax: Int
    private var kept: [[UInt8]: Kept] = [:]
    /// The CertID at each place; a hand goes round it (the "clock" of page replacement).
    private var places: [[UInt8]] = []
    private var hand = 0

    init(answersMax: Int) { self.answersMax = max(1, answersMax) }

    var count: Int { self.kept.count }

    /// The answer on a CertID, where it says `standing` and is no older than `ageMax` seconds.
    mutating func answer(
        on certificate: [UInt8], standing: CertificateStanding, at now: UnixTime, ageMax: Int64
    ) -> PublishedStatement? {
        guard let kept = self.kept[certificate], kept.standing == standing,
            let thisUpdate = kept.statement.thisUpdate,
            (0...ageMax).contains(now.seconds - thisUpdate.seconds)
        else { return nil }
        if !kept.wasAsked { self.kept[certificate]?.wasAsked = true }
        return kept.statement
    }

    mutating func keep(
        _ statement: PublishedStatement, on certificate: [UInt8], standing: CertificateStanding
    ) {
        if let place = self.kept[certificate]?.place {
            self.kept[certificate] = Kept(standing: standing, statement: statement, place: place)
            return
        }
        let place: Int
        if self.places.count < self.answersMax {
            place = self.places.count
            self.places.append(certificate)
        } else {
            place = self.freePlace()
            self.kept[self.places[place]] = nil
            self.places[place] = certificate
        }
        self.kept[certificate] = Kept(standing: standing, statement: statement, place: place)
    }

    /// Every answer gets a second chance, so the hand stops after one round at the latest.
    private mutating func freePlace() -> Int {
        while true {
            let place = self.hand
            self.hand = (self.hand + 1) % self.places.count
            guard self.kept[self.places[place]]?.wasAsked == true else { return place }
            self.kept[self.places[place]]?.wasAsked = false
        }
    }

    /// Answers older than `age` seconds that somebody asked for since they were signed, at most
    /// `limit` of them: to be signed anew before they are asked for again.
    func ageing(
        olderThan age: Int64, at now: UnixTime, limit: Int
    ) -> [(certificate: [UInt8], standing: CertificateStanding)] {
        self.kept.lazy.filter { _, kept in
            guard kept.wasAsked, let thisUpdate = kept.statement.thisUpdate else { return false }
            return now.seconds - thisUpdate.seconds > age
        }.prefix(limit).map { ($0.key, $0.value.standing) }
    }

    mutating func removeAll() { self = StatusAnswerCache(answersMax: self.answersMax) }
}
