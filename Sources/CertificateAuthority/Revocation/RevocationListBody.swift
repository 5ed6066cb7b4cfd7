import Fleet
import SwiftASN1

/// A CRL of version 2 as it is about to be signed (RFC 5280 5.1.2): entries are taken as they come
/// from the store, so that a million of them are in memory once, as DER.
struct RevocationListBody {
    private static let reasonPrefix: [UInt8] = [
        0x30, 0x0C, 0x30, 0x0A, 0x06, 0x03, 0x55, 0x1D, 0x15, 0x04, 0x03, 0x0A, 0x01,
    ]

    let issuer: IssuerIdentity
    let number: RevocationListNumber
    let thisUpdate: UnixTime
    let nextUpdate: UnixTime
    /// Where a shard lies; nil for the list of every certificate of the issuer.
    let distributionPoint: String?
    private var entries: [UInt8] = []
    private(set) var count = 0
    /// Of the last entry: those revoked together have the same.
    private var time: (of: UnixTime, der: [UInt8])?

    init(
        issuer: IssuerIdentity, number: RevocationListNumber, thisUpdate: UnixTime,
        nextUpdate: UnixTime,
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
        let time: [UInt8]
        if let last = self.time, last.of == revocation.revokedAt {
            time = last.der
        } else {
            time = StatusDER.time(revocation.revokedAt)
            self.time = (revocation.revokedAt, time)
        }
        var entry: [UInt8] = []
        entry.reserveCapacity(serial.count + 3 + time.count + Self.reasonPrefix.count + 1)
        StatusDER.append(integer: serial, to: &entry)
        entry += time
        // RFC 5280 5.3.1: instead of `unspecified` there is no reason code.
        if revocation.reason != .unspecified {
            entry += Self.reasonPrefix
            entry.append(revocation.reason.code)
        }
        StatusDER.append(StatusDER.sequence, entry, to: &self.entries)
        self.count += 1
    }

    /// Spends the entries: beside the statement there is no second copy of a large list.
    consuming func statement() throws(FleetError) -> StatusStatement {
        let scheme = self.issuer.scheme
        let algorithm = try encodeDER("CRL") { try scheme.serialize(into: &$0) }
        var extensions = StatusDER.extensionField(
            StatusDER.Identifier.authorityKeyIdentifier, critical: false,
            StatusDER.wrapped(
                StatusDER.sequence, StatusDER.wrapped(0x80, self.issuer.keyIdentifier)))
        extensions += StatusDER.extensionField(
            StatusDER.Identifier.crlNumber, critical: false,
            StatusDER.integer(UInt64(clamping: self.number.rawValue)))
        if let url = self.distributionPoint {
            extensions += StatusDER.extensionField(
                StatusDER.Identifier.issuingDistributionPoint, critical: true,
                StatusDER.wrapped(StatusDER.sequence, StatusDER.distributionPointName(url)))
        }
        var head: [UInt8] = [0x02, 0x01, 0x01]
        head += algorithm
        head += self.issuer.name
        head += StatusDER.time(self.thisUpdate)
        head += StatusDER.time(self.nextUpdate)
        // RFC 5280 5.1.2.6: absent rather than empty.
        if !self.entries.isEmpty {
            head += StatusDER.header(StatusDER.sequence, count: self.entries.count)
        }
        let tail = StatusDER.wrapped(0xA0, StatusDER.wrapped(StatusDER.sequence, extensions))
        let count = head.count + self.entries.count + tail.count
        var tbs = StatusDER.header(StatusDER.sequence, count: count)
        tbs.reserveCapacity(tbs.count + count)
        tbs += head
        tbs += self.entries
        tbs += tail
        return StatusStatement(tbs: tbs, trailer: [])
    }
}
