import NIOCore
import NIOSSL
import Synchronization

/// What all devices of a run share, none of which changes while it runs.
struct SimulationContext: Sendable {
    private static let pauseMillisecondsFirst: Int64 = 100
    private static let pauseMillisecondsMax: Int64 = 5000
    /// A service that asks for more is not obeyed.
    private static let waitSecondsMax = 60

    let options: SimulationOptions
    let dialogue: ProvisioningDialogue
    let claimTLS: NIOSSLContext
    let folder: CredentialFolder?
    let group: any EventLoopGroup
    let clock: ContinuousClock
    /// Whether the gateway has let any device in yet.
    let gateway = GatewayContact()
    let images = FlashImages()
    private let trustRoots: NIOSSLTrustRoots

    init(
        options: SimulationOptions, group: any EventLoopGroup, clock: ContinuousClock
    ) throws(SimulationError) {
        self.options = options
        self.group = group
        self.clock = clock
        self.dialogue = ProvisioningDialogue(format: options.format, template: options.template)
        self.folder =
            if let path = options.outputFolder { try CredentialFolder(path: path) } else { nil }
        if let pem = options.trustAnchorsPEM {
            do { self.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(pem)) } catch {
                throw SimulationError("the CA file holds no PEM certificate: \(error)")
            }
        } else {
            self.trustRoots = .default
        }
        do { self.claimTLS = try Self.tls(options.claim, self.trustRoots) } catch {
            throw SimulationError(
                "the claim certificate and its key cannot be used together: \(error)")
        }
    }

    /// A device's own TLS context. Each has its own, so no two devices share a session ticket.
    func tls(for credentials: Credentials) throws(DeviceFailure) -> NIOSSLContext {
        do { return try Self.tls(credentials, self.trustRoots) } catch {
            throw DeviceFailure(
                .deviceConnect, .unusableCredentials,
                "the issued certificate and its key cannot be used together: \(error)")
        }
    }

    /// What the TLS stacks of devices offer. The library would begin with a post-quantum exchange,
    /// whose price a service under measurement would pay for clients that no line has.
    private static let curves: [NIOTLSCurve] = [.x25519, .secp256r1, .secp384r1]

    private static func tls(
        _ credentials: Credentials, _ trustRoots: NIOSSLTrustRoots
    ) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.certificateVerification = .fullVerification
        configuration.trustRoots = trustRoots
        configuration.curves = Self.curves
        configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(
            credentials.certificatePEM
        ).map { .certificate($0) }
        configuration.privateKey = .privateKey(
            try NIOSSLPrivateKey(bytes: credentials.privateKeyPEM, format: .pem))
        return try NIOSSLContext(configuration: configuration)
    }

    func helloTopic(thingName: String, serial: String) -> String {
        self.options.publishTopic.replacing("{thing}", with: thingName)
            .replacing("{serial}", with: serial)
    }

    /// As long as the service asked for, and up to half as long again, lest all who were told the
    /// same come back as one.
    func wait(seconds: Int, draw: UInt64) async {
        let asked = Int64(min(max(seconds, 1), Self.waitSecondsMax)) * 1000
        await self.rest(milliseconds: asked + Int64(draw % UInt64(asked / 2)))
    }

    /// Exponential backoff with half of it left to chance, so that a fleet which lost its gateway
    /// does not come back all at once, and yet leaves it the time to come back.
    func pause(attempt: Int, draw: UInt64) async {
        let doublings = min(max(attempt, 1) - 1, 10)
        let ceiling = min(Self.pauseMillisecondsFirst << doublings, Self.pauseMillisecondsMax)
        let half = max(ceiling / 2, 1)
        let milliseconds = half + Int64(draw % UInt64(half))
        await self.rest(milliseconds: milliseconds)
    }

    private func rest(milliseconds: Int64) async {
        let pause = self.group.next().scheduleTask(in: .milliseconds(milliseconds)) {}
        // The task fails where the run is stopped: the pause ends at once.
        await withTaskCancellationHandler {
            try? await pause.futureResult.get()
        } onCancel: {
            pause.cancel()
        }
    }
}

/// Whether the gateway has ever let a device in.
///
/// Once it has, a connection that fails is bad luck and worth many retries. Until then it is more
/// likely a wrong address, CA or claim, which is the same for every device of the run: it is told
/// in seconds, not after every device has tried for as long as it may.
final class GatewayContact: Sendable {
    private static let attemptsMax = 3
    private static let patience = Duration.seconds(10)

    private let reached = Mutex(false)

    var wasReached: Bool { self.reached.withLock { $0 } }

    func noteReached() { self.reached.withLock { $0 = true } }

    /// Whether there is no hope in one more attempt of a device that lives for `age`.
    func isHopeless(_ failure: DeviceFailure, attempts: Int, age: Duration) -> Bool {
        guard failure.step == .claimConnect, !self.wasReached else { return false }
        // A gateway that is not there may be starting; one that refuses will refuse again.
        let mayBeStarting = failure.kind == .unreachable || failure.kind == .connectionLost
        return age >= Self.patience || (!mayBeStarting && attempts >= Self.attemptsMax)
    }
}
