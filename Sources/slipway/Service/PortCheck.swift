import Fleet
import Foundation
import NIOCore
import NIOPosix

/// Whether the service's further ports can be had, asked once the gateway has its own and before
/// anything else is begun: one that another program has is told in one line, and not by servers
/// that have to be stopped again.
enum PortCheck {
    private struct Listener {
        let what: String
        /// The setting's first word: `api` of `api.host` and `api.port`.
        let word: String
    }

    /// - Throws: `FleetError.serviceUnavailable`, with what to do.
    static func check(_ settings: ResolvedSettings) async throws(FleetError) {
        var listeners = [
            Listener(what: "The AWS IoT API", word: "api"),
            Listener(what: "The server of CRL and OCSP", word: "revocation"),
        ]
        if settings.flag("est.enabled") { listeners.append(Listener(what: "EST", word: "est")) }
        for listener in listeners { try await Self.check(listener, settings) }
    }

    private static func check(
        _ listener: Listener, _ settings: ResolvedSettings
    ) async throws(FleetError) {
        let host = settings.text("\(listener.word).host")
        let port = settings.integer("\(listener.word).port")
        // The kernel finds a free one.
        guard port != 0 else { return }
        do {
            let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: host, port: port).get()
            try await channel.close()
        } catch {
            throw FleetError(
                .serviceUnavailable,
                "\(listener.what) cannot be served on \(host):\(port): "
                    + Self.advice(error, option: "--\(listener.word)-port"))
        }
    }

    private static func advice(_ error: any Error, option: String) -> String {
        switch (error as? IOError)?.errnoCode {
        case EADDRINUSE:
            "the address is in use; stop whoever listens there, or set another with \(option)"
        case EACCES:
            "ports under 1024 need a privilege; set another with \(option)"
        default: "\(error); set another address"
        }
    }
}
