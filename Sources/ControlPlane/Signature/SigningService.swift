/// A service name that may stand in a credential scope, and how its clients sign.
package struct SigningService: Hashable, Sendable {
    package let name: String
    /// Whether `X-Amz-Security-Token` in a query is part of what is signed. It is everywhere but
    /// in MQTT over WebSocket, whose clients add it to the finished URL
    /// (messaging specification, 6.3).
    package let signsTokenInQuery: Bool

    package init(name: String, signsTokenInQuery: Bool = true) {
        self.name = name
        self.signsTokenInQuery = signsTokenInQuery
    }

    /// The control plane's name, and the one that older SDKs use for it.
    package static let controlPlane = [
        SigningService(name: "iot"), SigningService(name: "execute-api"),
    ]
    /// HTTPS publish and shadows.
    package static let dataPlane = [SigningService(name: "iotdata"), .deviceGateway]
    /// MQTT over WebSocket.
    package static let deviceGateway = SigningService(
        name: "iotdevicegateway", signsTokenInQuery: false)
}
