import Crypto
import Fleet
import Logging
import NIOCore
import NIOSSL

/// Who is at the other end: read from the TLS session at every handshake, resumed ones included,
/// and judged by the registry; judged again whenever what was read changes.
extension ConnectionHandler {
    func judgePeer(_ context: ChannelHandlerContext) {
        guard self.phase == .handshaking else { return }
        // What this very handshake verified; one that was resumed verified nothing.
        var der = self.firstConnection.der
        if der.isEmpty {
            do {
                let peer = try context.pipeline.syncOperations.nioSSL_peerCertificate()
                guard let peer else { return self.end(.principalRefused(.noCertificate)) }
                der = try peer.toDERBytes()
            } catch {
                return self.end(
                    .tlsFailed(cause: "the client's certificate cannot be read: \(error)"))
            }
        }
        let id = CertificateID(sha256: SHA256.hash(data: der))
        self.phase = .judging
        self.certificateID = id
        // Before anything is read of it: see `PrincipalIndex`.
        self.shard.enter(self.number, certificate: id)
        self.setDeadline(seconds: self.environment.settings.connectSecondsMax, end: .connectTimeout)
        self.firstConnection.der = der
        if let kept = self.firstConnection.takeLoaded() ?? self.environment.loader.kept(id),
            kept.record != nil
        {
            self.judged(kept)
        } else {
            self.load(id)
        }
    }

    /// Asks the registry anew, since something the connection relied on has changed.
    func reload() {
        guard let id = self.certificateID, !self.isReloading else { return }
        // It is loaded once that is done.
        if self.firstConnection.isRegistering { return }
        switch self.phase {
        case .handshaking, .ended: return
        // The load that is under way will find that it is stale.
        case .judging: return
        case .awaitingConnect, .live: break
        }
        self.loadsBegun = 0
        self.load(id)
    }

    func load(_ id: CertificateID) {
        self.isReloading = true
        self.loadsBegun += 1
        let loader = self.environment.loader
        let desk = self.firstConnection.desk(self.environment.trust)
        let eventLoop = self.shard.eventLoop
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        Task {
            let result: Result<LoadedPrincipal, FleetError>
            var isAwaited = false
            do throws(FleetError) {
                let loaded = try await loader.load(id)
                isAwaited = try await desk?.awaits(loaded) ?? false
                result = .success(loaded)
            } catch {
                result = .failure(error)
            }
            let (outcome, isExpected) = (result, isAwaited)
            eventLoop.execute {
                bound.value.firstConnection.isAwaited = isExpected
                bound.value.loaded(outcome)
                bound.value.shard.flush()
            }
        }
    }

    private func loaded(_ result: Result<LoadedPrincipal, FleetError>) {
        self.isReloading = false
        if self.phase == .ended { return }
        switch result {
        case .success(let loaded): self.judged(loaded)
        case .failure(let error):
            self.environment.logger.error(
                "the registry cannot be read", metadata: self.metadata(["error": "\(error)"]))
            self.end(.principalRefused(.storeUnavailable))
        }
    }

    private func judged(_ loaded: LoadedPrincipal) {
        // First in the index, then the question: a change announced in between is seen by one.
        self.shard.rely(self.number, on: loaded.reliesOn)
        guard self.environment.loader.isCurrent(loaded) else {
            guard self.loadsBegun < BrokerLimits.loadAttemptsMax, let id = self.certificateID else {
                return self.end(.principalRefused(.storeUnavailable))
            }
            return self.load(id)
        }
        if self.firstConnection.isAwaited, self.phase == .judging {
            self.phase = .awaitingConnect
            return self.resumeInput()
        }
        guard let record = loaded.record else {
            return self.end(.principalRefused(.unknownCertificate))
        }
        if let refusal = self.refusal(of: record) {
            return self.end(.principalRefused(refusal))
        }
        self.principal = record
        switch self.phase {
        case .judging:
            self.phase = .awaitingConnect
            self.resumeInput()
        case .live: self.reauthorize(record)
        case .awaitingConnect: self.authorizeHeld()
        case .handshaking, .ended: break
        }
    }

    /// TLS refused the client before anybody here could judge it. The library says only that the
    /// chain did not verify; the certificate, where it got that far, says why.
    func explainHandshake(_ error: any Error, _ context: ChannelHandlerContext) -> String {
        let cause = self.firstConnection.handshakeRefusal ?? Self.libraryReason(error)
        if cause == "PEER_DID_NOT_RETURN_A_CERTIFICATE" {
            return PrincipalRefusal.noCertificate.explanation
        }
        guard let peer = try? context.pipeline.syncOperations.nioSSL_peerCertificate(),
            let der = try? peer.toDERBytes()
        else { return "the TLS handshake failed: \(cause)" }
        self.certificateID = CertificateID(sha256: SHA256.hash(data: der))
        let now = self.environment.clock.now.seconds
        if Int64(peer.notValidAfter) < now {
            return "the certificate has expired (\(cause))"
        }
        if Int64(peer.notValidBefore) > now {
            return "the certificate is not valid yet (\(cause))"
        }
        return "the certificate's chain leads to no trusted authority, or it is no client's "
            + "certificate (\(cause))"
    }

    /// The word by which BoringSSL calls its reason, without the place in its sources that it was
    /// given at; else all that the error says.
    static func libraryReason(_ error: any Error) -> String {
        let text = "\(error)"
        // What a port scan does, and a client that refuses the gateway's certificate silently.
        if error as? NIOSSLError == .handshakeFailed(.syscallError)
            || text.contains("EOF during handshake")
        {
            return "the client closed the connection before it was done"
        }
        let mark = "OPENSSL_internal:"
        guard let start = text.firstRange(of: mark)?.upperBound else { return text }
        return String(text[start...].prefix { $0 == "_" || $0.isLetter || $0.isNumber })
    }
}
