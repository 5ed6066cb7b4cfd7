package import Fleet

/// Says in the authority's name who is revoked: lists and OCSP answers, made when somebody asks
/// and kept for as long as they are true.
///
/// A list is signed anew once its life is half over, and at once when a revocation has come in
/// since. An OCSP answer is kept together with the standing it speaks of, which is read anew for
/// every request, so that no kept answer outlives the truth.
package actor RevocationAuthority: RevocationPublisher {
    package struct Settings: Sendable {
        /// From thisUpdate to nextUpdate.
        package var lifeSeconds: Int64 = 86_400
        /// nil where nothing is written into certificates; then there are no shards.
        package var publication: RevocationPublication?
        /// What the OCSP responder's certificate is like.
        package var responder: CertificateProfile?
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
    private struct AnswerKey: Hashable {
        let certificate: [UInt8]
        let standing: CertificateStanding
    }

    /// Read from the store at once.
    static let entriesPerRead = 10_000
    /// OCSP answers kept; at more, all are forgotten.
    static let answersKeptMax = 100_000

    private let authority: SigningAuthority
    private let issuer: StatusIssuer
    private let store: any RevocationStore
    private let clock: any WallClock
    private let entropy: any Entropy
    private let settings: Settings
    private var lists: [RevocationListName: Kept] = [:]
    private var answers: [AnswerKey: PublishedStatement] = [:]
    private var responder: ResponderBox?
    /// Lists that are being made, each by one task.
    private var making: [RevocationListName: Making] = [:]
    private var generation = 0

    /// A class, since an actor's property of a move-only kind cannot be lent across a call.
    private final class ResponderBox: Sendable {
        let key: SigningKey
        let certificate: CertificateFacts

        init(key: consuming SigningKey, certificate: CertificateFacts) {
            self.key = key
            self.certificate = certificate
        }
    }

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
        var body = RevocationListBody(
            issuer: self.authority.identity, number: number, thisUpdate: thisUpdate,
            nextUpdate: nextUpdate, distributionPoint: point)
        // RFC 5280 3.3: on one list at least that was issued after the certificate's end.
        let ended = UnixTime(seconds: now.seconds - self.settings.lifeSeconds)
        var last: Revocation?
        repeat {
            let entries = try await self.store.revocations(
                of: id, buckets: name.buckets, endingAfter: ended, after: last,
                limit: Self.entriesPerRead)
            for entry in entries { try body.append(entry) }
            last = entries.count == Self.entriesPerRead ? entries.last : nil
        } while last != nil
        let der = try self.authority.key.sign(body.statement())
        return PublishedStatement(der: der, thisUpdate: thisUpdate, nextUpdate: nextUpdate)
    }

    package nonisolated func authority(named name: String) -> [UInt8]? {
        let certificate = self.authority.certificate
        return name == "\(RevocationPublication.name(of: certificate.id)).cer"
            ? certificate.der : nil
    }

    /// The name of the whole list in its URL.
    package nonisolated var listName: String {
        "\(RevocationPublication.name(of: self.authority.certificate.id)).crl"
    }

    // MARK: OCSP

    nonisolated func speaks(for certificate: StatusRequest.Certificate) -> Bool {
        self.issuer.isMeant(by: certificate)
    }

    package func answer(ocsp request: [UInt8]) async -> PublishedStatement {
        guard let request = StatusRequest(der: request) else {
            return Self.failure(.malformedRequest)
        }
        let own = request.certificates.map { self.issuer.isMeant(by: $0) }
        guard own.contains(true) else { return Self.failure(.unauthorized) }
        do throws(FleetError) {
            var singles: [StatusAnswer.Single] = []
            for (certificate, isOwn) in zip(request.certificates, own) {
                let standing =
                    isOwn
                    ? try await self.store.standing(
                        of: certificate.serialNumber, issuer: self.authority.certificate.id)
                    : .unknown
                singles.append(.init(certificate: certificate, standing: standing))
            }
            return try self.answer(singles, nonce: request.nonce)
        } catch {
            return Self.failure(error.code == .internalFailure ? .internalError : .tryLater)
        }
    }

    private func answer(
        _ singles: [StatusAnswer.Single], nonce: [UInt8]?
    ) throws(FleetError) -> PublishedStatement {
        let now = self.clock.now
        var key: AnswerKey?
        if nonce == nil, singles.count == 1, let only = singles.first {
            key = AnswerKey(certificate: only.certificate.encoded, standing: only.standing)
        }
        if let key, let kept = self.answers[key], let thisUpdate = kept.thisUpdate,
            (0...self.settings.lifeSeconds / 2).contains(now.seconds - thisUpdate.seconds)
        {
            return kept
        }
        let responder = try self.currentResponder(at: now)
        let thisUpdate = UnixTime(seconds: now.seconds)
        let nextUpdate = UnixTime(seconds: now.seconds + self.settings.lifeSeconds)
        let statement = try StatusAnswer.statement(
            singles, nonce: nonce, thisUpdate: thisUpdate, nextUpdate: nextUpdate,
            responder: responder.certificate)
        let der = StatusAnswer.successful(try responder.key.sign(statement))
        guard let key else {
            return PublishedStatement(der: der, thisUpdate: nil, nextUpdate: nil)
        }
        let published = PublishedStatement(
            der: der, thisUpdate: thisUpdate, nextUpdate: nextUpdate)
        if self.answers.count >= Self.answersKeptMax { self.answers.removeAll() }
        self.answers[key] = published
        return published
    }

    /// A key of its own, so that the authority's need not be at hand for every question. It lives
    /// in memory only, and its certificate for days.
    private func currentResponder(at now: UnixTime) throws(FleetError) -> ResponderBox {
        // Answers outlive the moment by a life; so must the certificate that they are signed by.
        let needed = now.seconds + self.settings.lifeSeconds
        if let responder = self.responder, responder.certificate.notAfter.seconds > needed {
            return responder
        }
        let key: SigningKey
        do { key = try SigningKey() } catch { throw error.asFleetError }
        var profile = CertificateProfile.ocspResponder
        if let configured = self.settings.responder { profile = configured }
        profile.validitySeconds += 2 * self.settings.lifeSeconds
        let issued = try self.authority.sign(
            self.authority.prepare(
                profile, subject: nil, key: key.publicKey, at: now, entropy: self.entropy))
        let made = ResponderBox(key: key, certificate: try CertificateFacts(pem: issued.pem))
        self.responder = made
        self.answers.removeAll()
        return made
    }

    private static func failure(_ failure: StatusAnswer.Failure) -> PublishedStatement {
        PublishedStatement(der: failure.der, thisUpdate: nil, nextUpdate: nil)
    }
}
