import Crypto
import Fleet
import Foundation
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOSSL
import Provisioning

/// Enrolment over Secure Transport, RFC 7030: HTTP in, the dialogue's own use cases, HTTP out.
struct ESTResponder: Sendable {
    /// The base64 of the largest request that is taken, with its line ends.
    static let bodyBytesMax = 8 << 10
    static let bodySecondsMax: Int64 = 10
    static let pathBytesMax = 1 << 10
    /// Whom a request names that names nobody.
    private static let nameless = "est"
    static let nowhere = "unknown"

    let services: ESTServices
    /// Told whose connection is at work.
    let seats: ConnectionSeats
    let logger: Logger

    func respond(to request: Request, over connection: RequestConnection) async -> Response {
        let response = await self.response(to: request, connection)
        // RFC 9110 9.3.2: what followed would be taken for the next response's head.
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func response(to request: Request, _ connection: RequestConnection) async -> Response {
        let target = request.head.path ?? ""
        let path = String(target.prefix { $0 != "?" })
        guard target.utf8.count <= Self.pathBytesMax else {
            return ESTResponse.plain(.uriTooLong, "the path is too long")
        }
        guard let asked = ESTPath(path) else {
            return ESTResponse.plain(
                .notFound,
                "there is /.well-known/est/[TEMPLATE/] with cacerts, csrattrs, simpleenroll, "
                    + "simplereenroll and serverkeygen")
        }
        guard asked.operation.methods.contains(request.method) else {
            return ESTResponse.wrongMethod(for: asked.operation)
        }
        do throws(FleetError) {
            switch asked.operation {
            case .cacerts:
                return ESTResponse.authorities(try self.services.encoding.authorities())
            case .csrattrs:
                return ESTResponse.attributes(try self.services.encoding.attributes())
            case .fullcmc:
                return ESTResponse.plain(.notImplemented, "Full CMC is not offered here")
            case .simpleenroll, .simplereenroll, .serverkeygen:
                return try await self.enrol(asked, request, connection)
            }
        } catch {
            return self.refusal(error, asked, connection)
        }
    }

    private func refusal(
        _ error: FleetError, _ asked: ESTPath, _ connection: RequestConnection,
        correlationID: String? = nil
    ) -> Response {
        self.logger.info(
            "enrolment refused",
            metadata: [
                "operation": "\(asked.operation.rawValue)", "code": "\(error.code.rawValue)",
                "message": "\(error.message)", "source": "\(connection.sourceAddress ?? "-")",
            ])
        return ESTResponse.refusal(
            error, correlationID: correlationID,
            mayAskAgain: asked.operation == .simpleenroll)
    }

    // MARK: Enrolling

    private func enrol(
        _ asked: ESTPath, _ request: Request, _ connection: RequestConnection
    ) async throws(FleetError) -> Response {
        guard let certificate = try await Self.client(connection) else {
            return ESTResponse.unknownClient()
        }
        // RFC 7030 4.2.1.
        guard Self.isSigningRequest(request.headers[.contentType]) else {
            return ESTResponse.plain(
                .unsupportedMediaType, "send application/pkcs10, a signing request in base64")
        }
        let body: [UInt8]
        do throws(FleetError) { body = try await Self.body(of: request, connection) } catch {
            var response = self.refusal(
                FleetError(.invalidPayload, error.message), asked, connection)
            if error == CollectedBody.tooLong(bytesMax: Self.bodyBytesMax) {
                // RFC 9110 15.5.14; the dialogue over MQTT has no such status.
                response.status = .contentTooLarge
            }
            return response
        }
        // nil: the certificate is the device's own, and it is renewed.
        let template =
            try await self.isRenewal(asked.operation, by: certificate)
            ? nil : try await self.template(asked, of: certificate)
        let makesKey = asked.operation == .serverkeygen
        let presented = self.read(body)
        let publisher = try await self.services.gate.admit(
            certificate,
            asking: template.map { Enrolment.topics(of: $0, makesKey: makesKey) }
                ?? [Enrolment.renewalTopic],
            as: (try? presented.get()).map(Self.name) ?? Self.nameless,
            from: connection.sourceAddress ?? Self.nowhere)
        self.seats.begin(connection.channel)
        let outcome = await self.outcome(
            presented, of: template, makesKey: makesKey, for: publisher)
        switch outcome.result {
        case .success(let enrolled): return try self.answer(enrolled)
        case .failure(let error):
            return self.refusal(error, asked, connection, correlationID: outcome.correlationID)
        }
    }

    /// Whatever parameters there are, and whatever space before them (RFC 9110 8.3.1 and 5.6.6).
    private static func isSigningRequest(_ type: String?) -> Bool {
        let name = (type ?? "").prefix { $0 != ";" && $0 != " " && $0 != "\t" }
        return name.lowercased() == "application/pkcs10"
    }

    private func read(_ body: [UInt8]) -> Result<PresentedRequest, FleetError> {
        do throws(FleetError) {
            return .success(try self.services.encoding.request(Self.decode(body)))
        } catch { return .failure(error) }
    }

    private func outcome(
        _ presented: Result<PresentedRequest, FleetError>, of template: String?, makesKey: Bool,
        for publisher: Publisher
    ) async -> EnrolmentOutcome<EnrolledCertificate> {
        let provisioner = self.services.provisioner
        do throws(FleetError) {
            let request = try presented.get()
            let key: Enrolment.Key = makesKey ? .made : .request(request.pem)
            guard let template else { return await provisioner.reenrol(key, for: publisher) }
            let parameters = try provisioner.enrolmentParameters(request.subject)
            return await provisioner.enrol(
                Enrolment(template: template, key: key, parameters: parameters), for: publisher)
        } catch {
            return await provisioner.reject(error, of: template, for: publisher)
        }
    }

    /// A device that asks for another pair, as one that asks to be enrolled again, shows its own
    /// certificate; a claim has none to renew.
    private func isRenewal(
        _ operation: ESTPath.Operation, by certificate: CertificateID
    ) async throws(FleetError) -> Bool {
        if operation == .simplereenroll { return true }
        guard operation == .serverkeygen else { return false }
        return try await self.services.provisioner.isDevice(certificate)
    }

    private func template(
        _ asked: ESTPath, of certificate: CertificateID
    ) async throws(FleetError) -> String {
        guard let label = asked.label else {
            return try await self.services.provisioner.enrolmentTemplate(
                of: certificate, standard: self.services.standardTemplate)
        }
        do throws(FleetError) { return try TemplateName(label).rawValue } catch {
            throw FleetError(
                .templateNotFound, "there is no provisioning template '\(label.clipped)'")
        }
    }

    private func answer(_ enrolled: EnrolledCertificate) throws(FleetError) -> Response {
        let encoding = self.services.encoding
        let certificate = try encoding.certificate(enrolled.pem)
        guard let key = enrolled.privateKeyPEM else {
            return ESTResponse.certificate(certificate)
        }
        let encoded = try key.expose { (pem) throws(FleetError) in try encoding.privateKey(pem) }
        return ESTResponse.pair(key: encoded, certificate: certificate)
    }

    /// What the device calls itself.
    private static func name(_ request: PresentedRequest) -> String {
        let name = request.subject["SerialNumber"]?.first ?? request.subject["CommonName"]?.first
        return name ?? Self.nameless
    }

    /// The certificate of the TLS session, on resumed ones too.
    private static func client(
        _ connection: RequestConnection
    ) async throws(FleetError) -> CertificateID? {
        do {
            guard let peer = try await connection.channel.nioSSL_peerCertificate().get() else {
                return nil
            }
            return CertificateID(sha256: SHA256.hash(data: try peer.toDERBytes()))
        } catch {
            throw FleetError(.accessDenied, "the client's certificate cannot be read")
        }
    }

    private static func body(
        of request: Request, _ connection: RequestConnection
    ) async throws(FleetError) -> [UInt8] {
        try await CollectedBody.read(
            request, over: connection, bytesMax: Self.bodyBytesMax,
            secondsMax: Self.bodySecondsMax)
    }

    /// Base64 in lines; some clients put PEM's own lines around it.
    private static func decode(_ body: [UInt8]) throws(FleetError) -> [UInt8] {
        let text = String(decoding: body, as: UTF8.self)
        let lines = text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("-----") }
        let joined = lines.joined().filter { !$0.isWhitespace }
        guard !joined.isEmpty, let data = Data(base64Encoded: joined) else {
            throw FleetError(.invalidCSR, "the body is no signing request in base64")
        }
        return [UInt8](data)
    }
}
