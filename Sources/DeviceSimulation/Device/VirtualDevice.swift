/// One device from its first boot to its first message as a member of the fleet.
///
/// It does what the standard asks of a device and remembers between boots what a device would
/// keep in flash. It is a value: nothing of it is shared, and it is gone when its life is told.
struct VirtualDevice {
    /// The most power cuts in one life, so that even a chance of 100 percent ends.
    private static let powerCutsMax = 8

    /// How often a device that shares its serial number is refused its connection before it knows
    /// that it has lost.
    private static let refusalsMax = 3

    let context: SimulationContext
    let index: Int
    let role: DeviceRole
    let serial: String
    private let sharesSerial: Bool
    private var memory = DeviceMemory()
    private var random: SplitMix64
    var outcome: DeviceOutcome

    init(index: Int, context: SimulationContext) {
        self.context = context
        self.index = index
        let options = context.options
        let role = DeviceRole.of(index, options)
        self.role = role
        self.sharesSerial = role.sharesSerial(at: index, options)
        self.serial = options.serials.serial(at: role == .scannedAgain ? index - 1 : index)
        // An image that is copied has its key in it.
        let hasImage = options.clonePercent > 0 && (role == .copy || role == .original)
        self.outcome = DeviceOutcome(
            kind: hasImage ? .csr : options.flow.kind(at: index), index: index, role: role,
            sharesSerial: self.sharesSerial)
        // The golden ratio spreads neighbouring indices over the generator's states.
        self.random = SplitMix64(
            seed: context.options.seed &+ UInt64(truncatingIfNeeded: index) &* 0x9E37_79B9)
    }

    /// Boots until the device is a member of the fleet, or has tried often enough.
    consuming func live() async -> DeviceOutcome {
        if self.role == .copy { return await self.liveAsCopy() }
        let images = self.context.images
        let (index, isCopied) = (self.index, self.role == .original && !self.sharesSerial)
        let keepsIdentity = self.sharesSerial
        let (outcome, identity) = await self.liveHonestly()
        if isCopied { images.finish(index, outcome.failure == nil ? identity : nil) }
        var whole = outcome
        if keepsIdentity { whole.identity = identity }
        return whole
    }

    /// - Returns: with the identity, also of a device that failed afterwards.
    mutating func liveHonestly() async -> (DeviceOutcome, DeviceIdentity?) {
        let birth = self.context.clock.now
        while true {
            let cut = self.drawPowerCut()
            do throws(DeviceFailure) {
                try await self.boot(cut)
                self.outcome.attempts += 1
                self.note(.total, since: birth)
                return (self.outcome, self.memory.identity)
            } catch {
                if error.kind == .powerCut {
                    self.outcome.powerCuts += 1
                    continue
                }
                self.outcome.attempts += 1
                self.outcome.setbacks.append(error)
                if error.concernsToken { self.memory.pending = nil }
                guard error.isWorthRetrying, !Task.isCancelled, !self.hasLost,
                    self.outcome.attempts < self.context.options.attemptsMax,
                    !self.context.gateway.isHopeless(
                        error, attempts: self.outcome.attempts,
                        age: birth.duration(to: self.context.clock.now))
                else {
                    self.outcome.failure = error
                    return (self.outcome, self.memory.identity)
                }
                await self.context.pause(
                    attempt: self.outcome.attempts, draw: self.random.next())
            }
        }
    }

    /// Whether the other one of its serial number has superseded it.
    private var hasLost: Bool {
        self.sharesSerial
            && self.outcome.setbacks.count { $0.step == .deviceConnect } >= Self.refusalsMax
    }

    private mutating func boot(_ cut: PowerCutPoint?) async throws(DeviceFailure) {
        if self.context.options.connectsOnly {
            let start = self.context.clock.now
            let connection = try await self.openWithClaim()
            self.note(.claimConnect, since: start)
            return await connection.disconnect()
        }
        let identity: DeviceIdentity
        if let known = self.memory.identity {
            identity = known
        } else {
            identity = try await self.provision(cut)
        }
        try await self.sayHello(as: identity, cut)
        guard self.context.options.renews, !self.memory.isRenewed else { return }
        try await self.sayHello(as: try await self.renew(identity), nil)
    }

    private func openWithClaim() async throws(DeviceFailure) -> DeviceConnection {
        let connection = try await DeviceConnection.open(
            step: .claimConnect, tls: self.context.claimTLS, clientID: self.serial,
            context: self.context)
        self.context.gateway.noteReached()
        return connection
    }

    // MARK: With the claim certificate

    private mutating func provision(
        _ cut: PowerCutPoint?
    ) async throws(DeviceFailure) -> DeviceIdentity {
        try self.makeOwnKeyOnce()
        let start = self.context.clock.now
        let connection = try await self.openWithClaim()
        do throws(DeviceFailure) {
            self.note(.claimConnect, since: start)
            try self.pass(.claimConnected, cut)
            let subscribing = self.context.clock.now
            try await connection.subscribe(
                self.context.dialogue.replyFilters(self.outcome.kind))
            self.note(.subscribe, since: subscribing)
            try self.pass(.subscribed, cut)

            let pending: PendingCertificate
            if let stored = self.memory.pending {
                pending = stored
            } else {
                pending = try await self.create(over: connection, cut)
            }
            await self.think()
            let identity = try await self.register(pending, over: connection, cut)
            await connection.disconnect()
            return identity
        } catch {
            await connection.cutPower()
            throw error
        }
    }

    private mutating func makeOwnKeyOnce() throws(DeviceFailure) {
        guard self.outcome.kind == .csr, self.memory.ownKey == nil else { return }
        do {
            self.memory.ownKey =
                switch self.role {
                case .copy:
                    try self.context.images.key(of: self.index - 1, commonName: self.serial)
                case .original where !self.sharesSerial:
                    try self.context.images.key(of: self.index, commonName: self.serial)
                case .original, .honest, .scannedAgain: try DeviceKey(commonName: self.serial)
                }
        } catch {
            throw DeviceFailure(.create, .unusableCredentials, "cannot make a CSR: \(error)")
        }
    }

    private mutating func create(
        over connection: DeviceConnection, _ cut: PowerCutPoint?
    ) async throws(DeviceFailure) -> PendingCertificate {
        let dialogue = self.context.dialogue
        let start = self.context.clock.now
        let payload = try await self.call(
            dialogue.create(self.outcome.kind),
            dialogue.createRequest(signingRequestPEM: self.memory.ownKey?.signingRequestPEM),
            over: connection, step: .create, isCutOnceSent: cut == .createSent)
        self.note(.create, since: start)
        try self.pass(.createAnswered, cut)

        let reply = try dialogue.createReply(payload, kind: self.outcome.kind)
        guard let key = reply.privateKeyPEM ?? self.memory.ownKey?.privateKeyPEM else {
            throw DeviceFailure(.create, .malformedAnswer, "there is no key for the certificate")
        }
        let pending = PendingCertificate(
            credentials: Credentials(
                certificatePEM: Array(reply.certificatePEM.utf8), privateKeyPEM: Array(key.utf8)),
            ownershipToken: reply.ownershipToken)
        self.memory.pending = pending
        try self.pass(.createStored, cut)
        return pending
    }

    private mutating func register(
        _ pending: PendingCertificate, over connection: DeviceConnection, _ cut: PowerCutPoint?
    ) async throws(DeviceFailure) -> DeviceIdentity {
        let dialogue = self.context.dialogue
        let parameters =
            [(name: self.context.options.serialParameter, value: self.serial)]
            + self.context.options.parameters
        let start = self.context.clock.now
        let payload = try await self.call(
            dialogue.register,
            dialogue.registerRequest(token: pending.ownershipToken, parameters: parameters),
            over: connection, step: .register, isCutOnceSent: cut == .registerSent)
        self.note(.register, since: start)
        try self.pass(.registerAnswered, cut)

        let identity = DeviceIdentity(
            thingName: try dialogue.thingName(payload), credentials: pending.credentials)
        try self.context.folder?.store(identity)
        self.memory.identity = identity
        self.memory.pending = nil
        try self.pass(.registerStored, cut)
        return identity
    }

    /// One request of the dialogue and its reply's payload; a refusal is thrown. A device that is
    /// told when to come again waits that long, and asks again on the same connection.
    private mutating func call(
        _ call: ProvisioningDialogue.Call, _ payload: [UInt8], over connection: DeviceConnection,
        step: SimulationStep, isCutOnceSent: Bool
    ) async throws(DeviceFailure) -> [UInt8] {
        if isCutOnceSent {
            try await connection.send(payload, to: call.topic, step: step)
            throw DeviceFailure(step, .powerCut, "")
        }
        for _ in 0..<Self.turnedAwayMax {
            let reply = try await connection.request(payload, call, step: step)
            if reply.isAccepted { return reply.payload }
            let refusal = self.context.dialogue.rejection(reply.payload, step: step)
            guard refusal.isTurnedAway else { throw refusal }
            self.outcome.turnedAway += 1
            guard let seconds = refusal.retryAfterSeconds else {
                self.outcome.turnedAwayWithoutTime += 1
                throw refusal
            }
            if Task.isCancelled { throw DeviceFailure(.total, .stopped, "the run was stopped") }
            await self.context.wait(seconds: seconds, draw: self.random.next())
        }
        throw DeviceFailure(
            step, .timedOut, "turned away \(Self.turnedAwayMax) times, each time with a time")
    }

    /// Times that a device is told to come again before it gives up on the connection.
    private static let turnedAwayMax = 200

    // MARK: With its own certificate

    private mutating func sayHello(
        as identity: DeviceIdentity, _ cut: PowerCutPoint?
    ) async throws(DeviceFailure) {
        let tls = try self.context.tls(for: identity.credentials)
        let start = self.context.clock.now
        let connection = try await DeviceConnection.open(
            step: .deviceConnect, tls: tls, clientID: identity.thingName, context: self.context)
        do throws(DeviceFailure) {
            self.note(.deviceConnect, since: start)
            try self.pass(.deviceConnected, cut)
            let topic = self.context.helloTopic(
                thingName: identity.thingName, serial: self.serial)
            let hello = self.context.dialogue.hello(serial: self.serial)
            let publishing = self.context.clock.now
            if cut == .publishSent {
                try await connection.send(hello, to: topic, step: .publish)
                throw DeviceFailure(.publish, .powerCut, "")
            }
            try await connection.publish(hello, to: topic)
            self.note(.publish, since: publishing)
        } catch {
            await connection.cutPower()
            throw error
        }
        await connection.disconnect()
    }

    /// A certificate for the same key, which asking twice gives once.
    private mutating func renew(
        _ identity: DeviceIdentity
    ) async throws(DeviceFailure) -> DeviceIdentity {
        let dialogue = self.context.dialogue
        let start = self.context.clock.now
        let connection = try await DeviceConnection.open(
            step: .renew, tls: try self.context.tls(for: identity.credentials),
            clientID: identity.thingName, context: self.context)
        let payload: [UInt8]
        do throws(DeviceFailure) {
            try await connection.subscribe([dialogue.renew.accepted, dialogue.renew.rejected])
            payload = try await self.call(
                dialogue.renew, dialogue.createRequest(signingRequestPEM: nil), over: connection,
                step: .renew, isCutOnceSent: false)
        } catch {
            await connection.cutPower()
            throw error
        }
        await connection.disconnect()
        self.note(.renew, since: start)
        let renewed = DeviceIdentity(
            thingName: identity.thingName,
            credentials: Credentials(
                certificatePEM: Array(try dialogue.renewReply(payload).utf8),
                privateKeyPEM: identity.credentials.privateKeyPEM))
        try self.context.folder?.store(renewed)
        self.memory.identity = renewed
        self.memory.isRenewed = true
        return renewed
    }

    // MARK: Power and time

    private mutating func drawPowerCut() -> PowerCutPoint? {
        let percent = self.context.options.powerCutPercent
        guard percent > 0, self.outcome.powerCuts < Self.powerCutsMax,
            Int.random(in: 0..<100, using: &self.random) < percent
        else { return nil }
        return PowerCutPoint.allCases.filter { $0.isAhead(of: self.memory) }
            .randomElement(using: &self.random)
    }

    private func pass(_ point: PowerCutPoint, _ cut: PowerCutPoint?) throws(DeviceFailure) {
        if point == cut { throw DeviceFailure(.total, .powerCut, "") }
        if Task.isCancelled { throw DeviceFailure(.total, .stopped, "the run was stopped") }
    }

    /// A slow device: it does nothing for a while, and holds its connection.
    private mutating func think() async {
        let longest = self.context.options.thinkMillisecondsMax
        guard longest > 0 else { return }
        let pause = Int.random(in: 0...longest, using: &self.random)
        try? await self.context.clock.sleep(for: .milliseconds(pause))
    }

    mutating func note(_ step: SimulationStep, since start: ContinuousClock.Instant) {
        self.outcome.timings.append((step, start.duration(to: self.context.clock.now)))
    }
}
