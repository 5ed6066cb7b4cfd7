package import Fleet
import Foundation
import HTTPTypes
import HummingbirdCore
package import Logging
package import NIOCore

/// Serves CRLs, OCSP and the authority's certificate over plain HTTP: what it serves is signed,
/// and whoever checks a server's certificate would have to ask here first.
package struct RevocationServer: Sendable {
    package static let connectionsMax = 1024
    package static let idleSecondsMax: Int64 = 30

    private let host: String
    private let port: Int
    private let responder: RevocationResponder
    private let logger: Logger

    /// - Parameter prefix: the path of the URL that certificates name, such as `/pki`: a proxy in
    ///   front may take it off or leave it on, and where there is none it is asked for here.
    package init(
        host: String, port: Int, prefix: String, publisher: any RevocationPublisher,
        clock: any WallClock, logger: Logger
    ) {
        self.host = host
        self.port = port
        self.responder = RevocationResponder(
            prefix: prefix, publisher: publisher, clock: clock,
            seats: ConnectionSeats(max: ControlServer.seatsMax), logger: logger)
        self.logger = logger
    }

    /// Serves until the surrounding task is cancelled or shut down gracefully.
    /// - Parameter onRunning: called once requests are answered, with the address that is bound.
    package func run(onRunning: @escaping @Sendable (SocketAddress?) async -> Void) async throws {
        let responder = self.responder
        try await HTTPService(
            address: .hostname(self.host, port: self.port), connectionsMax: Self.connectionsMax,
            idleSecondsMax: Self.idleSecondsMax, seats: responder.seats, clock: responder.clock,
            logger: self.logger, bodyBytesMax: RevocationResponder.bodyBytesMax,
            respond: HTTPService.offTheLoop { await responder.respond(to: $0, over: $1) }
        ).run(onRunning: onRunning)
    }
}

/// RFC 6960 appendix A and RFC 5019 sections 5 and 6 for OCSP; RFC 5280 4.2.1.13 for CRLs.
struct RevocationResponder: Sendable {
    static let bodyBytesMax = 16 << 10
    /// An OCSP request in a path: RFC 5019 uses GET up to 255 octets; longer ones are let pass.
    static let pathBytesMax = 4 << 10
    /// A cache asks again after this, though what it has would be valid for longer: a revocation is
    /// in the next list at once, and asking costs a 304.
    static let cacheSecondsMax: Int64 = 300
    /// A list of a million entries goes out in pieces, each once the one before is on its way.
    static let pieceBytes = 64 << 10

    /// The places that are served, of which the last two go on with a name.
    private static let places = ["/ocsp", "/crl/", "/ca/"]

    let prefix: String
    let publisher: any RevocationPublisher
    let clock: any WallClock
    /// Told whose request is there whole.
    let seats: ConnectionSeats
    let logger: Logger

    func respond(to request: Request, over connection: RequestConnection) async -> Response {
        let response = await self.answer(request, connection)
        // RFC 9110 9.3.2: what followed would be taken for the next response's head.
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func answer(_ request: Request, _ connection: RequestConnection) async -> Response {
        let path = self.local(String((request.head.path ?? "").prefix { $0 != "?" }))
        guard path.utf8.count <= Self.pathBytesMax else {
            return Self.plain(.uriTooLong, "the path is longer than \(Self.pathBytesMax) bytes")
        }
        let isGet = request.method == .get || request.method == .head
        if request.method == .post, path == "/ocsp" || path == "/ocsp/" {
            return await self.ocsp(body: request, over: connection.channel)
        }
        guard isGet else {
            var refusal = Self.plain(
                .methodNotAllowed, "ask with GET, or POST an OCSP request to /ocsp")
            // RFC 9110 15.5.6.
            refusal.headers[.allow] = path == "/ocsp" || path == "/ocsp/" ? "POST" : "GET, HEAD"
            return refusal
        }
        self.seats.begin(connection.channel)
        let known = request.headers[.ifNoneMatch]
        if let rest = Self.rest(of: path, after: "/ocsp/") {
            return await self.ocsp(path: rest, known)
        }
        if let name = Self.rest(of: path, after: "/crl/") { return await self.list(name, known) }
        if let name = Self.rest(of: path, after: "/ca/"),
            let der = self.publisher.authority(named: name)
        {
            return Self.response(der, type: "application/pkix-cert", headers: HTTPFields())
        }
        return Self.plain(.notFound, "there is /crl/NAME.crl, /ca/NAME.cer and /ocsp")
    }

    /// Without the prefix, where it stands before one of the places.
    private func local(_ path: String) -> String {
        guard !self.prefix.isEmpty, let rest = Self.rest(of: path, after: self.prefix),
            Self.places.contains(where: rest.hasPrefix)
        else { return path }
        return rest
    }

    private static func rest(of path: String, after prefix: String) -> String? {
        path.hasPrefix(prefix) && path.utf8.count > prefix.utf8.count
            ? String(path.dropFirst(prefix.count)) : nil
    }

    private func list(_ name: String, _ known: String?) async -> Response {
        do throws(FleetError) {
            guard let list = try await self.publisher.list(named: name) else {
                return Self.plain(.notFound, "there is no such list here")
            }
            return self.response(list, type: "application/pkix-crl", known: known)
        } catch {
            self.logger.error("a CRL cannot be made", metadata: ["error": "\(error)"])
            return Self.plain(.serviceUnavailable, "the list cannot be made now; try again")
        }
    }

    private func ocsp(body request: Request, over channel: any Channel) async -> Response {
        guard let buffer = try? await request.body.collect(upTo: Self.bodyBytesMax) else {
            return Self.plain(.contentTooLarge, "a request has at most \(Self.bodyBytesMax) bytes")
        }
        self.seats.begin(channel)
        let answer = await self.publisher.answer(ocsp: Array(buffer.readableBytesView))
        // What was asked by POST is cached by nobody.
        return Self.response(
            answer.der, type: "application/ocsp-response", headers: [.cacheControl: "no-cache"])
    }

    /// RFC 6960 A.1: base64 of the request, percent-coded. Some clients leave `/` and `+` as they
    /// are, so the whole rest of the path is it.
    private func ocsp(path: String, _ known: String?) async -> Response {
        guard let text = path.removingPercentEncoding, let request = Data(base64Encoded: text)
        else { return Self.plain(.badRequest, "what follows /ocsp/ is no base64") }
        let answer = await self.publisher.answer(ocsp: Array(request))
        return self.response(answer, type: "application/ocsp-response", known: known)
    }

    /// With the headers that let caches keep it for as long as it says (RFC 5019 section 6.2).
    /// - Parameter known: the `If-None-Match` of whoever has one already.
    private func response(
        _ statement: PublishedStatement, type: String, known: String?
    ) -> Response {
        var headers = HTTPFields()
        if let thisUpdate = statement.thisUpdate, let nextUpdate = statement.nextUpdate {
            let now = self.clock.now
            let left = min(Self.cacheSecondsMax, max(0, nextUpdate.seconds - now.seconds))
            headers[.cacheControl] =
                "max-age=\(left), public, no-transform, must-revalidate"
            headers[.lastModified] = HTTPDate.text(of: min(thisUpdate, now))
            headers[.expires] = HTTPDate.text(of: now.advanced(bySeconds: left))
            let tag = "\"\(Self.tag(statement.der))\""
            headers[.eTag] = tag
            if Self.names(known, tag) { return Response(status: .notModified, headers: headers) }
        } else {
            headers[.cacheControl] = "no-cache"
        }
        return Self.response(statement.der, type: type, headers: headers)
    }

    /// Whether `If-None-Match` names this version (RFC 9110 13.1.2): any, or one of several, which
    /// a cache on the way may have called weak (8.8.3.2: they are compared without that).
    private static func names(_ known: String?, _ tag: String) -> Bool {
        guard let known else { return false }
        return known.split(separator: ",").contains { item in
            let item = item.trimmingPrefix { $0 == " " || $0 == "\t" }
            let bare = item.hasPrefix("W/") ? item.dropFirst(2) : item
            return bare.prefix { $0 != " " && $0 != "\t" } == tag || item == "*"
        }
    }

    /// FNV-1a, 64 bits: it tells versions apart, and protects nothing.
    private static func tag(_ bytes: [UInt8]) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes.suffix(256) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return String(hash, radix: 16)
    }

    private static func response(
        _ bytes: [UInt8], type: String, headers: HTTPFields
    ) -> Response {
        var headers = headers
        headers[.contentType] = type
        guard bytes.count > Self.pieceBytes else {
            return Response(
                status: .ok, headers: headers,
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
        }
        let body = ResponseBody(contentLength: bytes.count) { writer in
            for start in stride(from: 0, to: bytes.count, by: Self.pieceBytes) {
                let piece = bytes[start..<min(start + Self.pieceBytes, bytes.count)]
                try await writer.write(ByteBuffer(bytes: piece))
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    private static func plain(_ status: HTTPResponse.Status, _ message: String) -> Response {
        Response(
            status: status, headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: message + "\n")))
    }
}
