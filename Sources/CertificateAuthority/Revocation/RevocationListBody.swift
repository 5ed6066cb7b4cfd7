import Fleet
import SwiftASN1

/// A CRL of version 2 as it is about to be signed (RFC 5280 5.1.2): entries are taken as they come
/// from the store, so that a million of them are in memory once, as DER.
struct RevocationListBody {
    private static let reasonPrefix: [UInt8] = [
        0x30, 0x0C, 0x30, 0x0A, 0x06, 0x03, 0x55, 0x1D, 0x15, 0x04, 0x03, 0x0A, 0x01,
    ]

    let issuer: IssuerIdentity
    let number: UInt64
    let thisUpdate: UnixTime
    let nextUpdate: UnixTime
    /// Where a shard lies; nil for the list of every certificate of the issuer.
    let distributionPoint: String?
    private var entries: [UInt8] = []
    private(set) var count = 0

    init(
        issuer: IssuerIdentity, number: UInt64, thisUpdate: UnixTime, nextUpdate: UnixTime,
        distributionPoint: String?
    ) {
        self.issuer = issuer
        self.number = number
        self.thisUpdate = thisUpdate
        self.nextUpdate = nextUpdate
        self.distributionPoint = distributionPoint
    }

    /// - Throws: `FleetError.internalFailure` where the serial is none; a list without it would
    ///   say that the certificate is good.
    mutating func append(_ revocation: Revocation) throws(FleetError) {
        guard let serial = StatusDER.octets(hex: revocation.serialNumber) else {
            throw FleetError(
                .internalFailure, "the serial number of a revocation is not hex",
                resource: revocation.certificate.rawValue)
        }
        var entry = StatusDER.integer(serial)
        entry += StatusDER.time(revocation.revokedAt)
        // RFC 5280 5.3.1: instead of `unspecified` there is no reason code.
        if revocation.reason != .unspecified {
            entry += Self.reasonPrefix
            entry.append(revocation.reason.code)
        }
        StatusDER.append(StatusDER.sequence, entry, to: &self.entries)
        self.count += 1
    }

    func statement() throws(FleetError) -> StatusStatement {
        let scheme = self.issuer.scheme
        let algorithm = try encodeDER("CRL") { try scheme.serialize(into: &$0) }
        var extensions = StatusDER.extensionField(
            StatusDER.Identifier.authorityKeyIdentifier, critical: false,
            StatusDER.wrapped(
                StatusDER.sequence, StatusDER.wrapped(0x80, self.issuer.keyIdentifier)))
        extensions += StatusDER.extensionField(
            StatusDER.Identifier.crlNumber, critical: false, StatusDER.integer(self.number))
        if let url = self.distributionPoint {
            extensions += StatusDER.extensionField(
                StatusDER.Identifier.issuingDistributionPoint, critical: true,
                StatusDER.wrapped(StatusDER.sequence, StatusDER.distributionPointName(url)))
        }
        var body: [UInt8] = [0x02, 0x01, 0x01]
        body += algorithm
        body += self.issuer.name
        body += StatusDER.time(self.thisUpdate)
        body += StatusDER.time(self.nextUpdate)
        // RFC 5280 5.1.2.6: absent rather than empty.
        if !self.entries.isEmpty {
            StatusDER.append(StatusDER.sequence, self.entries, to: &body)
        }
        body += StatusDER.wrapped(0xA0, StatusDER.wrapped(StatusDER.sequence, extensions))
        return StatusStatement(tbs: StatusDER.wrapped(StatusDER.sequence, body), trailer: [])
    }
}
