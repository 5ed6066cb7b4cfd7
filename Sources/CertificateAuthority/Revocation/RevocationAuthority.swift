package import Fleet
import Synchronization

/// Says in the authority's name who is revoked: lists and OCSP answers, made when somebody asks
/// and kept for as long as they are true.
///
/// A list is signed anew once its life is half over, and at once when a revocation has come in
/// since. OCSP answers are in `RevocationAuthority+Answers`.
package actor RevocationAuthority: RevocationPublisher {
    package struct Settings: Sendable {
        /// From thisUpdate to nextUpdate.
        package var lifeSeconds: Int64 = 86_400
        /// nil where nothing is written into certificates; then there are no shards.
        package var publication: RevocationPublication?
        /// What the OCSP responder's certificate is like at first.
        package var responder = CertificateProfile.ocspResponder
        package init() {}
    }

    private struct Kept {
        let statement: PublishedStatement
        let generation: Int
    }
    private struct Making {
        let task: Task<Result<PublishedStatement, FleetError>, Never>
        let generation: Int
    }
    /// Read from the store at once.
    static let entriesPerRead = 10_000
    /// OCSP answers kept, at about a kilobyte each.
    static let answersKeptMax = 50_000

    let authority: SigningAuthority
    let issuer: StatusIssuer
    let store: any RevocationStore
    let clock: any WallClock
    let entropy: any Entropy
    let settings: Settings
    private var lists: [RevocationListName: Kept] = [:]
    var answers = StatusAnswerCache(answersMax: RevocationAuthority.answersKeptMax)
    var responder: StatusResponder?
    /// One that is being made, for all who ask meanwhile.
    var makingResponder: Task<Result<StatusResponder, FleetError>, Never>?
    /// What the responder's certificate is to be like.
    private let responderProfile: Mutex<CertificateProfile>
    /// OCSP requests that are being answered.
    let underWay = Mutex(0)
    /// Lists that are being made, each by one task.
    private var making: [RevocationListName: Making] = [:]
    private var generation = 0

    package init(
        authority: consuming SigningAuthority, store: any RevocationStore, clock: any WallClock,
        entropy: any Entropy, settings: Settings
    ) throws(FleetError) {
        self.issuer = try StatusIssuer(authority.certificate)
        self.authority = authority
        self.store = store
        self.clock = clock
        self.entropy = entropy
        self.settings = settings
        self.responderProfile = Mutex(settings.responder)
    }

    /// The next OCSP answer is signed by a responder like this.
    package nonisolated func use(responder profile: CertificateProfile) {
        self.responderProfile.withLock { $0 = profile }
    }

    nonisolated var wantedResponder: CertificateProfile {
        self.responderProfile.withLock { $0 }
    }

    /// A revocation was committed: lists signed before are no longer what is true.
    package func note() { self.generation += 1 }

    // MARK: Lists

    package func list(named text: String) async throws(FleetError) -> PublishedStatement? {
        let id = self.authority.certificate.id
        guard let name = RevocationListName(text, of: id) else { return nil }
        let point = self.settings.publication.flatMap { name.url(under: $0.url, id) }
        guard name.shard == nil || point != nil else { return nil }
        let asked = self.generation
        // One at a time of each list, so that who comes later never gets a lower number; and so
        // that a thousand who ask at once have it made once.
        while let making = self.making[name] {
            let made = await making.task.value
            if making.generation >= asked { return try self.outcome(made, name) }
        }
        let now = self.clock.now
        if let kept = self.lists[name], kept.generation >= asked,
            let thisUpdate = kept.statement.thisUpdate,
            (0...self.settings.lifeSeconds / 2).contains(now.seconds - thisUpdate.seconds)
        {
            return kept.statement
        }
        // One that is no longer true is never given out again, and a large one needs its room.
        if let kept = self.lists[name], kept.generation < asked { self.lists[name] = nil }
        return try self.outcome(await self.make(name, point, at: now), name)
    }

    /// A list that could not be signed anew may still be true, with half its life before it.
    private func outcome(
        _ made: Result<PublishedStatement, FleetError>, _ name: RevocationListName
    ) throws(FleetError) -> PublishedStatement {
        if case .failure = made, let kept = self.lists[name], kept.generation == self.generation,
            let end = kept.statement.nextUpdate, self.clock.now < end
        {
            return kept.statement
        }
        return try made.get()
    }

    private func make(
        _ name: RevocationListName, _ point: String?, at now: UnixTime
    ) async -> Result<PublishedStatement, FleetError> {
        let generation = self.generation
        // Not the caller's own: whoever hangs up leaves the others waiting for it.
        let task = Task { () -> Result<PublishedStatement, FleetError> in
            // Before anybody who waits for it goes on.
            defer { self.making[name] = nil }
            do throws(FleetError) {
                let list = try await self.makeList(name, point, at: now)
                self.lists[name] = Kept(statement: list, generation: generation)
                return .success(list)
            } catch { return .failure(error) }
        }
        self.making[name] = Making(task: task, generation: generation)
        return await task.value
    }

    private func makeList(
        _ name: RevocationListName, _ point: String?, at now: UnixTime
    ) async throws(FleetError) -> PublishedStatement {
        let id = self.authority.certificate.id
        let number = try await self.store.takeListNumber(of: id, at: now)
        let thisUpdate = UnixTime(seconds: now.seconds)
        let nextUpdate = UnixTime(seconds: now.seconds + self.settings.lifeSeconds)
        // Serial numbers are random: a shard has its share of them, and rarely much more.
        let share = try await self.store.revocationsAtMost() / 256 * name.buckets.count
        var body = try RevocationListBody(
            issuer: self.authority.identity, number: number, from: thisUpdate,
            until: nextUpdate, distributionPoint: point,
            expected: share + share / 8 + Self.entriesPerRead)
        // RFC 5280 3.3: on one list at least that was issued after the certificate's end.
        let ended = UnixTime(seconds: now.seconds - self.settings.lifeSeconds)
        var last: RevocationEntries.Place?
        repeat {
            let entries = try await self.store.revocations(
                of: id, buckets: name.buckets, endingAfter: ended, after: last,
                limit: Self.entriesPerRead)
            body.append(entries)
            last = entries.count == Self.entriesPerRead ? entries.last : nil
        } while last != nil
        let key = SigningKey(sharing: self.authority.key)
        let der = try await key.signSuspending(body.statement())
        return PublishedStatement(der: der, thisUpdate: thisUpdate, nextUpdate: nextUpdate)
    }

    package nonisolated func authority(named name: String) -> [UInt8]? {
        let certificate = self.authority.certificate
        return name == "\(RevocationPublication.name(of: certificate.id)).cer"
            ? certificate.der : nil
    }

    /// Whose word this is.
    package nonisolated var issuerID: CertificateID { self.authority.certificate.id }

    /// The name of the whole list in its URL.
    package nonisolated var listName: String {
        "\(RevocationPublication.name(of: self.authority.certificate.id)).crl"
    }

    nonisolated func speaks(for certificate: StatusRequest.Certificate) -> Bool {
        self.issuer.isMeant(by: certificate)
    }
}
