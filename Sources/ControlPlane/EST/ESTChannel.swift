import HummingbirdCore
import Logging
import NIOCore
import NIOSSL

/// HTTP over TLS as it is elsewhere, but that whoever judges a client's certificate is told
/// where the client is.
struct ESTChannel: ServerChildChannel {
    let base: RequestChannel
    let tls: NIOSSLContext
    /// Whether TLS may go on with a client's certificate.
    let verify: @Sendable ([NIOSSLCertificate], _ address: String) async -> NIOSSLVerificationResult

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<RequestConnection> {
        let verify = self.verify
        let address = channel.remoteAddress?.ipAddress ?? ESTResponder.nowhere
        return channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(
                NIOSSLServerHandler(
                    context: self.tls,
                    customVerificationCallback: { chain, promise in
                        promise.completeWithTask { await verify(chain, address) }
                    }))
        }.flatMap { self.base.setup(channel: channel, logger: logger) }
    }

    func handle(value: RequestConnection, logger: Logger) async {
        await self.base.handle(value: value, logger: logger)
    }
}
