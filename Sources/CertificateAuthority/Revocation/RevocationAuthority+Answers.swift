package import Fleet
import Synchronization

// OCSP (RFC 6960). An answer without a nonce is signed once and kept (RFC 5019); the standing that
// it speaks of is read anew for every request, so that no kept answer outlives the truth. A nonce
// asks for a signature of its own, which is given while there are hands for it: under load the kept
// answer is given, which the nonce is not in, as RFC 6960 4.4.1 and RFC 5019 4 leave open.

extension RevocationAuthority {
    /// Requests under way beyond which nonces get no signature of their own.
    static let signingMax = 64
    /// Requests under way beyond which one more is told to try later.
    static let underWayMax = 1024
    /// Answers signed ahead before others get their turn at the key.
    private static let aheadMax = 64

    package nonisolated func answer(ocsp request: [UInt8]) async -> PublishedStatement {
        let before = self.underWay.withLock { count in
            defer { count += 1 }
            return count
        }
        defer { self.underWay.withLock { $0 -= 1 } }
        guard before < Self.underWayMax else { return Self.failure(.tryLater) }
        guard let request = StatusRequest(der: request) else {
            return Self.failure(.malformedRequest)
        }
        return await self.answer(request, isLoaded: before >= Self.signingMax)
    }

    private func answer(_ request: StatusRequest, isLoaded: Bool) async -> PublishedStatement {
        self.dropOutdatedResponder()
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
                singles.append(.init(certificate: certificate.encoded, standing: standing))
            }
            if let only = singles.first, singles.count == 1, isLoaded || request.nonce == nil {
                return try await self.keptAnswer(on: only)
            }
            // Nothing of this can be kept for anybody else.
            guard !isLoaded else { return Self.failure(.tryLater) }
            let now = self.clock.now
            let der = try await self.signed(singles, nonce: request.nonce, at: now)
            return PublishedStatement(der: der, thisUpdate: nil, nextUpdate: nil)
        } catch {
            // A token that is away may be back; nothing else of this kind mends itself.
            let isLasting =
                error.code == .internalFailure && error.reason != .authorityKeyUnavailable
            return Self.failure(isLasting ? .internalError : .tryLater)
        }
    }

    private func keptAnswer(
        on single: StatusAnswer.Single
    ) async throws(FleetError) -> PublishedStatement {
        let now = self.clock.now
        if let kept = self.answers.answer(
            on: single.certificate, standing: single.standing, at: now,
            ageMax: self.settings.lifeSeconds / 2)
        {
            return kept
        }
        return try await self.keepAnswer(on: single, at: now)
    }

    private func keepAnswer(
        on single: StatusAnswer.Single, at now: UnixTime
    ) async throws(FleetError) -> PublishedStatement {
        let answer = PublishedStatement(
            der: try await self.signed([single], nonce: nil, at: now),
            thisUpdate: UnixTime(seconds: now.seconds),
            nextUpdate: UnixTime(seconds: now.seconds + self.settings.lifeSeconds))
        self.answers.keep(answer, on: single.certificate, standing: single.standing)
        return answer
    }

    /// Signs answers anew that are in demand and will soon be too old to be given: three eighths of
    /// their life are over. Where that fails, whoever asks next has it tried again.
    package func signAnswersAhead() async {
        self.dropOutdatedResponder()
        let age = self.settings.lifeSeconds * 3 / 8
        while !Task.isCancelled {
            let now = self.clock.now
            let ageing = self.answers.ageing(olderThan: age, at: now, limit: Self.aheadMax)
            for (certificate, standing) in ageing {
                let single = StatusAnswer.Single(certificate: certificate, standing: standing)
                guard (try? await self.keepAnswer(on: single, at: now)) != nil else { return }
            }
            guard ageing.count == Self.aheadMax else { return }
            await Task.yield()
        }
    }

    private func signed(
        _ singles: [StatusAnswer.Single], nonce: [UInt8]?, at now: UnixTime
    ) async throws(FleetError) -> [UInt8] {
        let responder = try await self.currentResponder(at: now)
        return try StatusAnswer.successful(
            responder.key.sign(
                StatusAnswer.statement(
                    singles, nonce: nonce, thisUpdate: UnixTime(seconds: now.seconds),
                    nextUpdate: UnixTime(seconds: now.seconds + self.settings.lifeSeconds),
                    responder: responder.certificate)))
    }

    /// What was signed by a responder of another profile is not given any more.
    private func dropOutdatedResponder() {
        guard let responder = self.responder, responder.profile != self.wantedResponder
        else { return }
        self.responder = nil
        self.answers.removeAll()
    }

    /// A key of its own, so that the authority's need not be at hand for every question. It lives
    /// in memory only, and its certificate for days.
    private func currentResponder(at now: UnixTime) async throws(FleetError) -> StatusResponder {
        // Answers outlive the moment by a life; so must the certificate that they are signed by.
        let needed = now.seconds + self.settings.lifeSeconds
        if let responder = self.responder, responder.certificate.notAfter.seconds > needed {
            return responder
        }
        // One for all who ask: a token that is slow is not kept from issuing by a thousand of them.
        if let making = self.makingResponder { return try await making.value.get() }
        let task = Task { () -> Result<StatusResponder, FleetError> in
            defer { self.makingResponder = nil }
            do throws(FleetError) {
                return .success(try await self.makeResponder(at: now))
            } catch { return .failure(error) }
        }
        self.makingResponder = task
        return try await task.value.get()
    }

    private func makeResponder(at now: UnixTime) async throws(FleetError) -> StatusResponder {
        let key: SigningKey
        do { key = try SigningKey() } catch { throw error.asFleetError }
        let wanted = self.wantedResponder
        var profile = wanted
        profile.validitySeconds += 2 * self.settings.lifeSeconds
        let authority = SigningAuthority(sharing: self.authority)
        let issued = try await authority.signSuspending(
            authority.prepare(
                profile, subject: nil, key: key.publicKey, at: now, entropy: self.entropy))
        let made = StatusResponder(
            key: key, certificate: try CertificateFacts(pem: issued.pem), profile: wanted)
        self.responder = made
        self.answers.removeAll()
        return made
    }

    private static func failure(_ failure: StatusAnswer.Failure) -> PublishedStatement {
        PublishedStatement(der: failure.der, thisUpdate: nil, nextUpdate: nil)
    }
}

/// Who signs OCSP answers: a key and the authority's word for it (RFC 6960 4.2.2.2). A class, since
/// an actor's property of a move-only kind cannot be lent across a call.
final class StatusResponder: Sendable {
    let key: SigningKey
    let certificate: CertificateFacts
    /// By which it was made.
    let profile: CertificateProfile

    init(
        key: consuming SigningKey, certificate: CertificateFacts, profile: CertificateProfile
    ) {
        self.key = key
        self.certificate = certificate
        self.profile = profile
    }
}
