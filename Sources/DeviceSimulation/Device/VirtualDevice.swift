/// One device from its first boot to its first message as a member of the fleet.
///
/// It does what the standard asks of a device and remembers between boots what a device would
/// keep in flash. It is a value: nothing of it is shared, and it is gone when its life is told.
struct VirtualDevice {
    /// The most power cuts in one life, so that even a chance of 100 percent ends.
    private static let powerCutsMax = 8

    private let context: SimulationContext
    private let serial: String
    private var memory = DeviceMemory()
    private var random: SplitMix64
    private var outcome: DeviceOutcome

    init(index: Int, context: SimulationContext) {
        self.context = context
        let options = context.options
        let isScannedAgain = index > 0 && index % 100 < options.doubleScanPercent
        self.serial = options.serials.serial(at: isScannedAgain ? index - 1 : index)
        self.outcome = DeviceOutcome(kind: context.options.flow.kind(at: index))
        // The golden ratio spreads neighbouring indices over the generator's states.
        self.random = SplitMix64(
            seed: context.options.seed &+ UInt64(truncatingIfNeeded: index) &* 0x9E37_79B9)
    }

    /// Boots until the device is a member of the fleet, or has tried often enough.
    consuming func live() async -> DeviceOutcome {
        let birth = self.context.clock.now
        while true {
            let cut = self.drawPowerCut()
            do throws(DeviceFailure) {
                try await self.boot(cut)
                self.outcome.attempts += 1
                self.note(.total, since: birth)
                return self.outcome
            } catch {
                if error.kind == .powerCut {
                    self.outcome.powerCuts += 1
                    continue
                }
                self.outcome.attempts += 1
                self.outcome.setbacks.append(error)
                if error.concernsToken { self.memory.pending = nil }
                guard error.isWorthRetrying, !Task.isCancelled,
                    self.outcome.attempts < self.context.options.attemptsMax,
                    !self.context.gateway.isHopeless(
                        error, attempts: self.outcome.attempts,
                        age: birth.duration(to: self.context.clock.now))
                else {
                    self.outcome.failure = error
                    return self.outcome
                }
                await self.context.pause(
                    attempt: self.outcome.attempts, draw: self.random.next())
            }
        }
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
        do { self.memory.ownKey = try DeviceKey(commonName: self.serial) } catch {
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

    /// One request of the dialogue and its reply's payload; a refusal is thrown.
    private func call(
        _ call: ProvisioningDialogue.Call, _ payload: [UInt8], over connection: DeviceConnection,
        step: SimulationStep, isCutOnceSent: Bool
    ) async throws(DeviceFailure) -> [UInt8] {
        if isCutOnceSent {
            try await connection.send(payload, to: call.topic, step: step)
            throw DeviceFailure(step, .powerCut, "")
        }
        let reply = try await connection.request(payload, call, step: step)
        guard reply.isAccepted else {
            throw self.context.dialogue.rejection(reply.payload, step: step)
        }
        return reply.payload
    }

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

    private mutating func note(_ step: SimulationStep, since start: ContinuousClock.Instant) {
        self.outcome.timings.append((step, start.duration(to: self.context.clock.now)))
    }
}
