import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1

/// Hands each request of a connection to its responder, and the answer to the connection.
///
/// A request that one reading brings whole, as nearly all are, goes to the responder with its body;
/// one that takes longer goes when its head is there, and its body streams. The handler before this
/// one lets a request in when the one before it is answered (RFC 9112 9.3.2).
final class RequestExchange: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// How much of a request is here.
    private enum Arrival {
        /// None of it, or all.
        case none
        /// What this reading has brought so far.
        case gathering(HTTPRequestHead, ByteBuffer?)
        /// Its head; its body goes to whoever answers.
        case streaming(StreamedBody)
        /// Its head, and nobody wants the rest.
        case discarding
    }

    private let channel: RequestChannel
    private let connection: RequestConnection
    private let executor: EventLoopTasks
    private var context: ChannelHandlerContext?

    private var arrival = Arrival.none
    private var isAnswering = false
    /// No request after this one is answered.
    private var isLast = false
    /// The last one is.
    private var isOver = false
    /// The server is to stop: nobody is waited for.
    private var isStopping = false
    /// The end of an answer is on its way to the handlers before, which may bring the next request.
    private var isEnding = false
    /// When the newest answer has been sent.
    private var lastSent: EventLoopFuture<Void>?
    /// A request that waits until its client takes the answers before it.
    private var waiting: (head: HTTPRequestHead, body: RequestBody)?

    /// The body's reader has enough for now.
    private var isReadHeld = false
    /// The connection would like to be read.
    private var isReadPending = false
    /// What follows is no HTTP.
    private var readsNoMore = false

    private let idleness: Idleness
    /// Pieces given to the connection that it has not sent yet.
    private var piecesUnsent = 0

    init(_ channel: RequestChannel, over connection: RequestConnection) {
        self.channel = channel
        self.connection = connection
        self.executor = EventLoopTasks(connection.channel.eventLoop)
        self.idleness = Idleness(max: channel.idle, connection.channel.eventLoop)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.idleness.begin(
            isAtWork: { self.isAtWork }, close: { self.context?.close(promise: nil) })
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.idleness.end()
    }

    // MARK: What arrives

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.isOver else { return }
        // What nobody wants keeps no connection.
        if case .discarding = self.arrival {} else { self.idleness.noteActivity() }
        switch self.unwrapInboundIn(data) {
        case .head(let head): self.gather(head)
        case .body(let piece): self.take(piece)
        case .end:
            let arrived = self.arrival
            self.arrival = .none
            switch arrived {
            case .gathering(let head, let body):
                self.connection.hasWholeRequest = true
                self.begin(head, RequestBody(buffer: body ?? ByteBuffer()))
            case .streaming(let body): body.finish()
            case .none, .discarding: break
            }
        }
    }

    private func gather(_ head: HTTPRequestHead) {
        self.arrival = .gathering(head, nil)
        // The parser would keep whatever came after it.
        if head.method == .CONNECT || head.headers.contains(name: "upgrade") {
            self.isLast = true
            self.readsNoMore = true
        }
    }

    private func take(_ piece: ByteBuffer) {
        switch self.arrival {
        case .gathering(let head, let body):
            // Given up before it grows, or it would be copied.
            self.arrival = .none
            guard var body else {
                self.arrival = .gathering(head, piece)
                return
            }
            var piece = piece
            body.writeBuffer(&piece)
            self.arrival = .gathering(head, body)
        case .streaming(let body): if !body.yield(piece) { self.isReadHeld = true }
        case .none, .discarding: break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if case .gathering(let head, let body) = self.arrival { self.stream(head, body) }
        context.fireChannelReadComplete()
    }

    /// The rest of the request takes longer.
    private func stream(_ head: HTTPRequestHead, _ begun: ByteBuffer?) {
        let exchange = NIOLoopBound(self, eventLoop: self.connection.channel.eventLoop)
        let loop = self.connection.channel.eventLoop
        let (source, body) = StreamedBody.begun {
            loop.execute { exchange.value.resumeReading() }
        }
        self.arrival = .streaming(source)
        if let begun {
            _ = source.yield(begun)
        } else {
            switch ExpectedBody.invitation(to: head, bodyBytesMax: self.channel.bodyBytesMax) {
            case .none: break
            case .invite:
                self.send(.head(HTTPResponseHead(version: .http1_1, status: .continue)))
                self.context?.flush()
            // Whether the body comes all the same, nobody can tell from its bytes.
            case .withhold: self.isLast = true
            }
        }
        self.connection.hasWholeRequest = false
        self.begin(head, body)
    }

    /// Who does not take answers is asked for no more requests.
    func read(context: ChannelHandlerContext) {
        if self.readsNoMore, case .none = self.arrival { return }
        if self.isReadHeld || !context.channel.isWritable {
            self.isReadPending = true
        } else {
            context.read()
        }
    }

    private func resumeReading() {
        self.isReadHeld = false
        self.readIfPending()
    }

    private func readIfPending() {
        guard let context, self.isReadPending, !self.isReadHeld, context.channel.isWritable else {
            return
        }
        self.isReadPending = false
        context.read()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.idleness.noteActivity()
        if context.channel.isWritable {
            if let (head, body) = self.waiting {
                self.waiting = nil
                // Maybe from within the end of the answer before.
                self.answer(head, body, atOnce: false)
            }
            self.readIfPending()
        }
        context.fireChannelWritabilityChanged()
    }

    // MARK: The answer

    private func begin(_ head: HTTPRequestHead, _ body: RequestBody) {
        self.isAnswering = true
        if !head.isKeepAlive { self.isLast = true }
        if self.connection.channel.isWritable {
            self.answer(head, body, atOnce: !self.isEnding)
        } else {
            self.waiting = (head, body)
        }
    }

    private func answer(_ head: HTTPRequestHead, _ body: RequestBody, atOnce: Bool) {
        // RFC 9112 3.2. A Unix socket has no host.
        let lacksHost =
            !head.isOfHTTP10 && self.connection.sourceAddress != nil
            && !head.headers.contains(name: "host")
        guard !lacksHost, let request = HTTPRequest(head) else {
            self.refuse(.badRequest)
            return
        }
        let keepsOldClient = head.isOfHTTP10 && head.isKeepAlive
        let exchange = NIOLoopBound(self, eventLoop: self.connection.channel.eventLoop)
        let (respond, connection) = (self.channel.respond, self.connection)
        let asked = Request(head: request, body: body)
        let answer: @Sendable () async -> Void = {
            let response = await respond(asked, connection)
            // On the loop again, where this executor runs every part of its task.
            exchange.value.begin(response.head, keepsOldClient: keepsOldClient)
            do { try await response.body.write(AnswerWriter(exchange: exchange)) } catch {
                // What has gone out must not look whole.
                exchange.value.abandon()
            }
        }
        connection.answers(
            in: atOnce
                ? self.executor.beginTask(answer)
                : Task(executorPreference: self.executor, operation: answer))
    }

    private func begin(_ answer: HTTPResponse, keepsOldClient: Bool) {
        var head = HTTPResponseHead(answer)
        self.channel.fields.add(to: &head.headers)
        if self.isLast {
            head.headers.replaceOrAdd(name: "Connection", value: "close")
        } else if keepsOldClient {
            head.headers.replaceOrAdd(name: "Connection", value: "keep-alive")
        }
        self.send(.head(head))
    }

    /// - Returns: when it has been sent, of a piece that is large.
    /// - Throws: `ChannelError` where there is no connection any more.
    func send(piece: ByteBuffer) throws -> EventLoopFuture<Void>? {
        guard let context else { throw ChannelError.ioOnClosedChannel }
        guard piece.readableBytes >= AnswerWriter.largeBytes else {
            self.send(.body(.byteBuffer(piece)))
            return nil
        }
        let sent = context.eventLoop.makePromise(of: Void.self)
        self.piecesUnsent += 1
        let exchange = NIOLoopBound(self, eventLoop: context.eventLoop)
        sent.futureResult.whenComplete { _ in
            exchange.value.piecesUnsent -= 1
            exchange.value.idleness.noteActivity()
        }
        context.writeAndFlush(self.wrapOutboundOut(.body(.byteBuffer(piece))), promise: sent)
        return sent.futureResult
    }

    /// The answer is whole.
    func finish() {
        self.channel.seats.rest(self.connection.channel)
        self.isAnswering = false
        let isLastAnswer = self.isLast
        self.isOver = isLastAnswer
        if case .streaming = self.arrival {
            self.arrival = .discarding
            self.resumeReading()
        }
        self.idleness.noteActivity()
        guard let context else { return }
        let sent = context.eventLoop.makePromise(of: Void.self)
        self.lastSent = sent.futureResult
        // The next request may come before this returns.
        self.isEnding = true
        context.write(self.wrapOutboundOut(.end(nil)), promise: sent)
        self.isEnding = false
        context.flush()
        if isLastAnswer { self.close(self.isStopping ? .all : .output) }
    }

    /// Closes the connection when all that was answered has been sent: with what is still to be
    /// sent, NIO would throw it away.
    private func close(_ mode: CloseMode) {
        self.isOver = true
        guard let context else { return }
        let exchange = NIOLoopBound(self, eventLoop: context.eventLoop)
        let sent = self.lastSent ?? context.eventLoop.makeSucceededVoidFuture()
        sent.whenComplete { _ in exchange.value.context?.close(mode: mode, promise: nil) }
    }

    /// Answers without a responder, and nothing after that.
    private func refuse(_ status: HTTPResponse.Status) {
        self.isLast = true
        self.begin(
            HTTPResponse(status: status, headerFields: [.contentLength: "0"]),
            keepsOldClient: false)
        self.finish()
    }

    private func abandon() {
        self.channel.seats.rest(self.connection.channel)
        self.context?.close(promise: nil)
    }

    private func send(_ part: HTTPServerResponsePart) {
        self.context?.write(self.wrapOutboundOut(part), promise: nil)
    }

    // MARK: The end

    /// The server is to stop: what is being answered is the last.
    func stop() {
        self.isStopping = true
        self.isLast = true
        if !self.isAnswering { self.close(.all) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let refused = error as? HTTPParserError else {
            self.breakOff(error)
            context.close(promise: nil)
            return
        }
        guard !self.isOver else { return }
        if self.isAnswering {
            self.isLast = true
            self.breakOff(error)
        } else if case .discarding = self.arrival {
            // The request is answered already.
            self.close(.output)
        } else if context.channel.isActive {
            // What is left of a request when its connection is closed is one that breaks off, too.
            self.arrival = .discarding
            self.refuse(refused == .headerOverflow ? .requestHeaderFieldsTooLarge : .badRequest)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.breakOff(ChannelError.inputClosed)
        self.isOver = true
        self.waiting = nil
        context.fireChannelInactive()
    }

    /// No more of the request comes.
    private func breakOff(_ error: any Error) {
        if case .streaming(let body) = self.arrival { body.fail(error) }
        self.arrival = .discarding
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            // Who has said all may still be told.
            self.isLast = true
            if !self.isAnswering { self.close(.all) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: Idle connections

    /// Whether it is this side that is waited for.
    private var isAtWork: Bool {
        guard self.isAnswering, self.piecesUnsent == 0, self.waiting == nil else { return false }
        if case .streaming = self.arrival { return self.isReadHeld }
        return true
    }
}
