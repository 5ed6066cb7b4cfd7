import MQTT
package import NIOCore

/// One connection that says nothing and waits to be ended by the gateway: what a measurement of
/// revocations is made with. MQTT 3.1.1, whose servers say nothing before they close.
package struct WatchedConnection: Sendable {
    private let connection: DeviceConnection

    /// TCP, TLS, CONNECT and CONNACK.
    /// - Throws: `SimulationError` saying which of them failed, and how.
    package static func open(
        _ endpoint: Endpoint, _ credentials: Credentials, trustAnchorsPEM: [UInt8],
        clientID: String, on group: any EventLoopGroup
    ) async throws(SimulationError) -> WatchedConnection {
        var options = SimulationOptions(
            endpoint: endpoint, claim: credentials, template: "none",
            serials: try SerialNumbers(lines: clientID), devices: 1)
        options.trustAnchorsPEM = trustAnchorsPEM
        options.version = .v311
        let context = try SimulationContext(
            options: options, group: group, clock: ContinuousClock())
        do {
            return WatchedConnection(
                connection: try await DeviceConnection.open(
                    step: .deviceConnect, tls: context.claimTLS, clientID: clientID,
                    context: context))
        } catch { throw SimulationError("\(error)") }
    }

    /// Returns once the socket is closed.
    package func ended() async { await self.connection.ended() }

    /// Ends it without a word.
    package func cut() async { await self.connection.cutPower() }
}
