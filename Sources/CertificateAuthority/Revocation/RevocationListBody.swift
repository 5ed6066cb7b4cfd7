import Fleet
import SwiftASN1

/// A CRL of version 2 as it is about to be signed (RFC 5280 5.1.2). Entries are written as DER the
/// moment they come from the store, behind room for what stands before them and is known last: a
/// list of a million is in memory once, and it is this buffer that leaves as the list.
struct RevocationListBody: ~Copyable {
    /// An entry with a serial number of 20 octets that begins with a high bit, a time and a reason.
    static let entryOctets = 54
    /// However many are expected: more room is asked for only as they come.
    static let roomOctetsMax = 1 << 30

    private static let reasonPrefix: [UInt8] = [
        0x30, 0x0C, 0x30, 0x0A, 0x06, 0x03, 0x55, 0x1D, 0x15, 0x04, 0x03, 0x0A, 0x01,
    ]

    private let issuer: IssuerIdentity
    private let number: RevocationListNumber
    /// What stands before the entries.
    private let head: [UInt8]
    /// Where a shard lies; nil for the list of every certificate of the issuer.
    private let distributionPoint: String?
    private var octets: [UInt8]
    private let entriesStart: Int
    private(set) var count = 0

    /// - Parameter expected: entries there will be at the most; room that stays empty is memory
    ///   that nobody touches.
    init(
        issuer: IssuerIdentity, number: RevocationListNumber,
        from thisUpdate: UnixTime, until nextUpdate: UnixTime, distributionPoint: String?,
        expected: Int
    ) throws(FleetError) {
        self.issuer = issuer
        self.number = number
        self.distributionPoint = distributionPoint
        let scheme = issuer.scheme
        var head: [UInt8] = [0x02, 0x01, 0x01]
        head += try encodeDER("CRL") { try scheme.serialize(into: &$0) }
        head += issuer.name
        head += StatusDER.time(thisUpdate)
        head += StatusDER.time(nextUpdate)
        self.head = head
        // The list's own header, the signed part's, the head, and the header of the entries.
        self.entriesStart = head.count + 3 * StatusDER.headerOctetsMax
        let (room, isTooMuch) = expected.multipliedReportingOverflow(by: Self.entryOctets)
        self.octets = []
        self.octets.reserveCapacity(
            self.entriesStart + (isTooMuch ? Self.roomOctetsMax : min(room, Self.roomOctetsMax))
                + StatusDER.tailOctets)
        self.octets.append(contentsOf: repeatElement(0, count: self.entriesStart))
    }

    mutating func append(_ entries: RevocationEntries) {
        entries.forEach { self.append($0) }
    }

    private mutating func append(_ entry: RevocationEntries.Entry) {
        let time = CivilTime(entry.revokedAt)
        let serial = entry.serialNumber.drop { $0 == 0 }
        let pad = (serial.first ?? 0x80) < 0x80 ? 0 : 1
        let integer = StatusDER.headerCount(serial.count + pad) + serial.count + pad
        // RFC 5280 5.3.1: instead of `unspecified` there is no reason code.
        let hasReason = entry.reason != RevocationReason.unspecified.code
        let content =
            integer + StatusDER.timeOctets(time)
            + (hasReason ? Self.reasonPrefix.count + 1 : 0)
        StatusDER.appendHeader(StatusDER.sequence, count: content, to: &self.octets)
        StatusDER.appendHeader(0x02, count: serial.count + pad, to: &self.octets)
        if pad == 1 { self.octets.append(0) }
        self.octets.append(contentsOf: serial)
        StatusDER.append(time, to: &self.octets)
        if hasReason {
            self.octets.append(contentsOf: Self.reasonPrefix)
            self.octets.append(entry.reason)
        }
        self.count += 1
    }

    /// Spends the entries: the statement is the buffer that they were written to.
    consuming func statement() -> StatusStatement {
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
        var start = self.entriesStart
        // RFC 5280 5.1.2.6: absent rather than empty.
        if self.count > 0 {
            let header = StatusDER.header(
                StatusDER.sequence, count: self.octets.count - self.entriesStart)
            StatusDER.put(header, before: &start, in: &self.octets)
        }
        StatusDER.put(self.head, before: &start, in: &self.octets)
        self.octets += StatusDER.wrapped(
            0xA0, StatusDER.wrapped(StatusDER.sequence, extensions))
        let header = StatusDER.header(StatusDER.sequence, count: self.octets.count - start)
        StatusDER.put(header, before: &start, in: &self.octets)
        return StatusStatement(octets: self.octets, start: start, trailer: [])
    }
}
