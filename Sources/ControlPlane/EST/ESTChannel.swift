import HummingbirdCore
import Logging
import NIOCore
import NIOSSL

/// HTTP over TLS as Hummingbird has it, but that whoever judges a client's certificate is told
/// where the client is.
struct ESTChannel: ServerChildChannel {
    let base: HTTP1Channel
    let tls: NIOSSLContext
    /// Whether TLS may go on with a client's certificate.
    let verify: @Sendable ([NIOSSLCertificate], _ address: String) async -> NIOSSLVerificationResult

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
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

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        await self.base.handle(value: value, logger: logger)
    }
}
