import Crypto
import Fleet
import Foundation
import Logging
import MQTT
import NIOCore
import NIOSSL

/// What a connection remembers from TLS until its principal is known to the registry.
struct FirstConnectionState {
    /// The client's certificate.
    var der: [UInt8] = []
    /// What the handshake's own look at the registry found.
    var loaded: LoadedPrincipal?
    /// Why the handshake was refused, where the registry refused it.
    var handshakeRefusal: String?
    /// The certificate is registered, or tried again, when its CONNECT comes.
    var isAwaited = false
    var isRegistering = false
    var hasRegistered = false
    /// The CONNECT that waits for the registration.
    var held: ConnectRequest?

    mutating func takeLoaded() -> LoadedPrincipal? {
        defer { self.loaded = nil }
        return self.loaded
    }

    /// Who is asked whether a certificate is awaited; nil where nobody is.
    func desk(_ trust: (any ClientTrust)?) -> RegistrationDesk? {
        guard let trust, !self.hasRegistered else { return nil }
        return RegistrationDesk(trust: trust, pem: Self.pem(self.der))
    }

    /// RFC 7468 5.
    static func pem(_ der: [UInt8]) -> String {
        let text = Data(der).base64EncodedString(
            options: [.lineLength64Characters, .endLineWithLineFeed])
        return "-----BEGIN CERTIFICATE-----\n\(text)\n-----END CERTIFICATE-----\n"
    }
}

/// One certificate's question to the registry: may it come in by itself?
struct RegistrationDesk: Sendable {
    let trust: any ClientTrust
    let pem: String

    /// A certificate of ours that waits is waiting for its own RegisterThing, and for nothing here.
    func awaits(_ loaded: LoadedPrincipal) async throws(FleetError) -> Bool {
        guard let record = loaded.record else { return try await self.trust.awaits(self.pem) }
        return record.certificate.status == .pendingActivation
            && record.issuer?.role == .registered && record.issuer?.status == .active
            && record.issuer?.registration.isAutomatic == true
    }
}

extension ClientTrust {
    /// Reads the certificate only where its record does not say enough.
    func verify(_ der: [UInt8], as loaded: LoadedPrincipal) async throws(FleetError) {
        let (record, issuer) = (loaded.record?.certificate, loaded.record?.issuer)
        if let record, try self.verifyKnown(record, issuer: issuer) { return }
        try await self.verify(FirstConnectionState.pem(der), record: record, issuer: issuer)
    }
}

/// Certificates that other authorities made: believed as the registry says at the handshake, and
/// registered at their first CONNECT where their authority asks for that. A bare handshake
/// registers nothing (provisioning specification, 2.3).
extension ConnectionHandler {
    /// TLS that asks the registry whom to believe, where there is one to ask.
    func tlsHandler(_ context: NIOSSLContext) -> NIOSSLServerHandler {
        guard let trust = self.environment.trust else {
            return NIOSSLServerHandler(context: context)
        }
        let bound = NIOLoopBound(self, eventLoop: self.shard.eventLoop)
        return NIOSSLServerHandler(
            context: context,
            customVerificationCallback: { chain, promise in
                bound.value.verify(chain, promise, by: trust)
            })
    }

    private func verify(
        _ chain: [NIOSSLCertificate], _ promise: EventLoopPromise<NIOSSLVerificationResult>,
        by trust: any ClientTrust
    ) {
        guard let der = try? chain.first?.toDERBytes() else { return promise.succeed(.failed) }
        let id = CertificateID(sha256: SHA256.hash(data: der))
        self.firstConnection.der = der
        // A claim's thousand devices wait for nobody.
        if let kept = self.environment.loader.kept(id), let record = kept.record,
            let isKnown = try? trust.verifyKnown(record.certificate, issuer: record.issuer),
            isKnown
        {
            self.keep(kept)
            return promise.succeed(.certificateVerified)
        }
        let loader = self.environment.loader
        let eventLoop = self.shard.eventLoop
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        Task {
            let result: Result<LoadedPrincipal, FleetError>
            do throws(FleetError) {
                let loaded = try await loader.load(id)
                try await trust.verify(der, as: loaded)
                result = .success(loaded)
            } catch {
                result = .failure(error)
            }
            let outcome = result
            eventLoop.execute {
                switch outcome {
                case .success(let loaded):
                    bound.value.keep(loaded)
                    promise.succeed(.certificateVerified)
                case .failure(let error):
                    bound.value.firstConnection.handshakeRefusal = error.message
                    promise.succeed(.failed)
                }
            }
        }
    }

    /// One that waits for its registration is judged by a look of its own.
    private func keep(_ loaded: LoadedPrincipal) {
        guard loaded.record?.certificate.status != .pendingActivation else { return }
        self.firstConnection.loaded = loaded
    }

    /// The CONNECT of a certificate that is not registered, or not active, yet.
    func registerFirst(_ request: ConnectRequest) {
        guard let trust = self.environment.trust, let id = self.certificateID,
            self.firstConnection.isAwaited, !self.firstConnection.isRegistering
        else { return }
        self.firstConnection.isRegistering = true
        self.firstConnection.held = request
        let pem = FirstConnectionState.pem(self.firstConnection.der)
        let clientID = request.clientID ?? ""
        let address = self.sourceAddress
        let eventLoop = self.shard.eventLoop
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        Task {
            let result: Result<FirstConnection, FleetError>
            do throws(FleetError) {
                result = .success(
                    try await trust.register(pem, clientID: clientID, from: address))
            } catch {
                result = .failure(error)
            }
            let outcome = result
            eventLoop.execute {
                bound.value.registered(outcome, id)
                bound.value.shard.flush()
            }
        }
    }

    private func registered(_ result: Result<FirstConnection, FleetError>, _ id: CertificateID) {
        self.firstConnection.isRegistering = false
        self.firstConnection.hasRegistered = true
        self.firstConnection.isAwaited = false
        var refusal: FleetError?
        switch result {
        case .success(let first):
            refusal = first.refusal
            self.announce(first)
        case .failure(let error): refusal = error
        }
        if let refusal {
            self.environment.logger.warning(
                "no device was made of a certificate at its first connection",
                metadata: self.metadata(["error": "\(refusal.message)"]))
        }
        if self.phase == .ended { return }
        self.loadsBegun = 0
        self.load(id)
    }

    private func announce(_ first: FirstConnection) {
        guard let topic = try? TopicName(first.topic) else { return }
        self.shard.publishLater(
            Message(
                topic: topic, payload: ByteBuffer(bytes: first.payload), qos: .atLeastOnce,
                retain: false, properties: .none, publisher: nil))
    }

    /// Goes on with the CONNECT that waited for the registration.
    func authorizeHeld() {
        guard let request = self.firstConnection.held else { return }
        self.firstConnection.held = nil
        self.authorize(request)
        // What the client sent after its CONNECT was left in the socket meanwhile.
        self.resumeInput()
    }
}
