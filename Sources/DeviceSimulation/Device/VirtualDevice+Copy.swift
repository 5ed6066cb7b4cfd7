/// A device that was made by copying another one's flash: the accident that nobody sees until two
/// units have one identity.
extension VirtualDevice {
    /// Connections that take the client identifier from each other: enough for anybody to notice.
    private static let takeovers = 6
    /// Addresses of this machine, where the gateway is on it too: two units are in two places.
    private static let places = ["127.0.0.1", "127.0.0.2"]

    /// First the image with its key under another serial, as the line makes it; then, in the
    /// field, the original's certificate beside the original.
    consuming func liveAsCopy() async -> DeviceOutcome {
        let original = await self.context.images.identity(of: self.index - 1)
        let (outcome, _) = await self.liveHonestly()
        var whole = outcome
        if let original {
            whole.wasPlayedInTheField = await self.playInTheField(as: original)
        }
        return whole
    }

    /// - Returns: whether there were two live connections of one certificate.
    private func playInTheField(as identity: DeviceIdentity) async -> Bool {
        do throws(DeviceFailure) {
            if try await self.standBeside(identity) { return true }
            return try await self.takeTurns(identity)
        } catch {
            // A gateway that lets clones in no more has noticed; that is no failure of the copy.
            return true
        }
    }

    /// Under a name of its own, where the policy lets it.
    private func standBeside(_ identity: DeviceIdentity) async throws(DeviceFailure) -> Bool {
        let first = try await self.open(identity, as: identity.thingName, from: nil)
        let second: DeviceConnection
        do throws(DeviceFailure) {
            second = try await self.open(identity, as: identity.thingName + "-copy", from: nil)
        } catch {
            await first.disconnect()
            return false
        }
        // What the first one says now is what gives the two away.
        let topic = self.context.helloTopic(thingName: identity.thingName, serial: self.serial)
        try? await first.publish(self.context.dialogue.hello(serial: self.serial), to: topic)
        await first.disconnect()
        await second.disconnect()
        return true
    }

    /// Under the original's name, from one address and another in turn.
    private func takeTurns(_ identity: DeviceIdentity) async throws(DeviceFailure) -> Bool {
        let host = self.context.options.endpoint.host
        guard host == "127.0.0.1" || host == "localhost" else { return false }
        var last: DeviceConnection?
        for turn in 0..<Self.takeovers {
            let next = try await self.open(
                identity, as: identity.thingName, from: Self.places[turn % Self.places.count])
            await last?.cutPower()
            last = next
        }
        await last?.disconnect()
        return true
    }

    private func open(
        _ identity: DeviceIdentity, as clientID: String, from source: String?
    ) async throws(DeviceFailure) -> DeviceConnection {
        try await DeviceConnection.open(
            step: .deviceConnect, tls: try self.context.tls(for: identity.credentials),
            clientID: clientID, from: source, context: self.context)
    }
}
