import AsyncHTTPClient
import Crypto
import Fleet
import Foundation
import Hooks
import JSON
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// Sends each question to whoever answers it: scripts to the sandbox, webhooks to their service.
///
/// A question is the JSON that AWS gives a hook, and an answer is judged as a script's is. What
/// goes wrong on the way denies, as everything else that goes wrong with a hook does.
final class WebhookCaller: PreProvisioningHook {
    private struct Line {
        let client: HTTPClient
        let secret: SymmetricKey
        var breaker = CircuitBreaker()
        /// Questions that are under way.
        var asking = 0
    }

    private let scripts: HookPool
    private let secrets: String
    private let authorities: String
    private let lines = Mutex<[String: Line]>([:])

    /// Webhooks that are kept connections for; the texts of a hook count one by one.
    private static let linesMax = 64
    /// Questions to one webhook that are under way at once. One more is told to come back: a
    /// service that hangs is no queue for the whole fleet.
    private static let askingMax = 256
    /// Statuses that say "not now" (RFC 9110, 15.6; RFC 6585, 4).
    private static let passing: Set<HTTPResponseStatus> = [
        .tooManyRequests, .badGateway, .serviceUnavailable, .gatewayTimeout,
    ]
    private static let secretBytesMin = 16
    private static let secretBytesMax = 4096

    /// - Parameters:
    ///   - secrets: the folder with the keys that sign questions.
    ///   - authorities: the folder that a webhook's `caFile` is in.
    init(scripts: HookPool, secrets: String, authorities: String) {
        self.scripts = scripts
        self.secrets = secrets
        self.authorities = authorities
    }

    func run(_ script: HookScript, request: HookRequest) async -> HookOutcome {
        guard Webhook.describes(script) else {
            return await self.scripts.run(script, request: request)
        }
        let body = JSONPrinter.bytes(HookContract.request(request))
        switch await self.ask(script, body, at: request.time) {
        case .answered(let json):
            let answer = HookContract.answer(json)
            return HookOutcome(
                verdict: answer.verdict, reads: [], log: [], reasonCode: answer.reasonCode,
                attributes: answer.attributes)
        case .busy:
            return HookOutcome(
                verdict: .busy, reads: [],
                log: ["the webhook failed too often, or is asked too much, and is left alone"])
        case .timedOut(let log): return HookOutcome(verdict: .timedOut, reads: [], log: log)
        case .failed(let cause):
            return HookOutcome(verdict: .failed(cause: cause), reads: [], log: [])
        }
    }

    /// As `HookPool.check`: what is wrong with the text, nil where nothing is.
    func check(_ script: HookScript) async -> String? {
        guard Webhook.describes(script) else { return await self.scripts.check(script) }
        do throws(FleetError) {
            _ = try self.line(try Webhook(script), script)
            return nil
        } catch { return error.message }
    }

    func shutdown() async {
        let clients = self.lines.withLock { lines in
            defer { lines = [:] }
            return lines.values.map(\.client)
        }
        for client in clients { try? await client.shutdown() }
    }

    /// What came of one question, whatever it was about.
    enum Reply {
        case answered(JSONValue)
        case timedOut(log: [String])
        /// It was not asked.
        case busy
        case failed(cause: String)
    }

    /// - Parameter millisecondsMax: how long the asker waits, whatever the webhook says of itself.
    func ask(
        _ script: HookScript, _ body: [UInt8], at time: UnixTime, millisecondsMax: Int = .max
    ) async -> Reply {
        let webhook: Webhook
        let client: HTTPClient
        let secret: SymmetricKey
        do throws(FleetError) {
            webhook = try Webhook(script)
            (client, secret) = try self.line(webhook, script)
        } catch { return .failed(cause: error.message) }
        guard self.admit(script) else { return .busy }
        defer { self.lines.withLock { $0[script.digest]?.asking -= 1 } }
        let milliseconds = min(webhook.timeoutMilliseconds, millisecondsMax)
        let end = ContinuousClock.now + .milliseconds(milliseconds)
        do {
            let reply = try await client.execute(
                Self.message(webhook, script, body, secret, time),
                deadline: .now() + .milliseconds(Int64(milliseconds)))
            guard reply.status == .ok else {
                self.note(script, failed: reply.status.code >= 500)
                // What stands before a service says so while that starts anew or is overrun.
                if Self.passing.contains(reply.status) {
                    return .timedOut(log: ["the webhook answered \(reply.status.code)"])
                }
                return .failed(cause: "the webhook answered \(reply.status.code)")
            }
            let bytes = try await Self.body(of: reply, before: end)
            self.note(script, failed: false)
            return .answered(try JSONParser.parse(Array(bytes.readableBytesView)))
        } catch let error as HTTPClientError where error == .deadlineExceeded {
            self.note(script, failed: true)
            return .timedOut(log: [])
        } catch let error where Self.isUnreachable(error) {
            // A service that starts anew is there again in a moment, and so may the device be.
            self.note(script, failed: true)
            return .timedOut(log: ["the webhook's service cannot be reached"])
        } catch {
            self.note(script, failed: true)
            return .failed(cause: "the webhook could not be asked: \("\(error)".clipped(to: 256))")
        }
    }

    /// The deadline of a request ends with the head of its answer, and a body may drip for ever.
    private static func body(
        of reply: HTTPClientResponse, before end: ContinuousClock.Instant
    ) async throws -> ByteBuffer {
        try await withThrowingTaskGroup(of: ByteBuffer.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await reply.body.collect(upTo: HookLimits.answerBytesMax) }
            group.addTask {
                try await Task.sleep(until: end, clock: .continuous)
                throw HTTPClientError.deadlineExceeded
            }
            guard let first = try await group.next() else {
                throw HTTPClientError.deadlineExceeded
            }
            return first
        }
    }

    /// Whether the webhook may be asked now; it is under way then.
    private func admit(_ script: HookScript) -> Bool {
        self.lines.withLock { lines in
            guard var line = lines[script.digest] else { return true }
            guard line.asking < Self.askingMax, line.breaker.admits(at: .now) else { return false }
            line.asking += 1
            lines[script.digest] = line
            return true
        }
    }

    /// Whether there was no connection at all; one that is not to be trusted is another matter.
    private static func isUnreachable(_ error: any Error) -> Bool {
        if let error = error as? HTTPClientError { return error == .connectTimeout }
        return error is NIOConnectionError || error is IOError
    }

    private func note(_ script: HookScript, failed: Bool) {
        self.lines.withLock {
            if failed {
                $0[script.digest]?.breaker.failed(at: .now)
            } else {
                $0[script.digest]?.breaker.succeeded()
            }
        }
    }

    /// The signature is over the time and the body, so that a question cannot be asked again later.
    private static func message(
        _ webhook: Webhook, _ script: HookScript, _ body: [UInt8], _ secret: SymmetricKey,
        _ time: UnixTime
    ) -> HTTPClientRequest {
        var message = HTTPClientRequest(url: webhook.url.absoluteString)
        message.method = .POST
        message.body = .bytes(body)
        let signed = Array("\(time.seconds).".utf8) + body
        let code = HMAC<SHA256>.authenticationCode(for: signed, using: secret)
        let hex = code.map { byte in
            String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }.joined()
        message.headers.add(name: "content-type", value: "application/json")
        message.headers.add(name: "slipway-hook", value: script.name.rawValue)
        message.headers.add(name: "slipway-signature", value: "t=\(time.seconds),v1=\(hex)")
        return message
    }

    private func line(
        _ webhook: Webhook, _ script: HookScript
    ) throws(FleetError) -> (HTTPClient, SymmetricKey) {
        if let line = self.lines.withLock({ $0[script.digest] }) {
            return (line.client, line.secret)
        }
        let secret = try self.secret(webhook)
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        // Nobody there is said at once, and not when the time is over.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.timeout.connect = .milliseconds(Int64(webhook.timeoutMilliseconds))
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        if let file = webhook.caFile {
            let path = file.hasPrefix("/") ? file : "\(self.authorities)/\(file)"
            guard FileManager.default.isReadableFile(atPath: path) else {
                throw FleetError(.invalidRequest, "/caFile: '\(path)' cannot be read")
            }
            tls.trustRoots = .file(path)
        }
        configuration.tlsConfiguration = tls
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let used: HTTPClient? = self.lines.withLock { lines in
            if let line = lines[script.digest] { return line.client }
            guard lines.count < Self.linesMax else { return nil }
            lines[script.digest] = Line(client: client, secret: secret)
            return client
        }
        guard let used, used === client else {
            Task { try? await client.shutdown() }
            guard let used else {
                throw FleetError(
                    .serviceUnavailable, "more than \(Self.linesMax) webhooks have been asked")
            }
            return (used, secret)
        }
        return (client, secret)
    }

    private func secret(_ webhook: Webhook) throws(FleetError) -> SymmetricKey {
        let path = "\(self.secrets)/\(webhook.secret)"
        guard let data = FileManager.default.contents(atPath: path) else {
            throw FleetError(
                .invalidRequest,
                "/secret: '\(path)' cannot be read; make it with 'openssl rand -hex 32'")
        }
        // An editor's line end is no part of the key.
        let key = [UInt8](data).split { $0 <= 0x20 }.first.map { Array($0) } ?? []
        guard (Self.secretBytesMin...Self.secretBytesMax).contains(key.count) else {
            throw FleetError(
                .invalidRequest,
                "/secret: '\(path)' has \(key.count) bytes; \(Self.secretBytesMin) to "
                    + "\(Self.secretBytesMax) are needed")
        }
        return SymmetricKey(data: Data(key))
    }
}
