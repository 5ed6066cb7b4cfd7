import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// A kind of connection that speaks HTTP/1.1, whose requests are answered one after the other.
struct RequestChannel: ServerChildChannel {
    let seats: ConnectionSeats
    let idle: TimeAmount
    let fields: GeneralFields
    let bodyBytesMax: Int
    let respond: HTTPService.Responder

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<RequestConnection> {
        self.seats.take(channel)
        return channel.eventLoop.makeCompletedFuture {
            let connection = RequestConnection(channel)
            let pipeline = channel.pipeline.syncOperations
            // Errors are answered by whoever knows whether a request is under way. The fields of
            // answers are valid by their type.
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: true, withErrorHandling: false,
                withOutboundHeaderValidation: false)
            let exchange = RequestExchange(self, over: connection)
            try pipeline.addHandler(exchange)
            try pipeline.addHandler(
                EndOfService(exchange),
                position: .before(pipeline.handler(type: HTTPServerPipelineHandler.self)))
            return connection
        }
    }

    func handle(value: RequestConnection, logger: Logger) async { await value.end() }
}

/// Tells the exchange that the server is to stop. The handler between them would keep that to
/// itself, and wait for the end of a request that is answered already.
private final class EndOfService: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart

    private let exchange: RequestExchange

    init(_ exchange: RequestExchange) { self.exchange = exchange }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            self.exchange.stop()
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }
}
