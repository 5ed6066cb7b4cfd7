/// What CRLs and OCSP answers are made of.
package protocol RevocationStore: Sendable {
    /// Revoked certificates of `issuer` in the order of (bucket, serial number), the next `limit`
    /// after `after`.
    /// - Parameter buckets: `Revocation.bucket` of those asked for, within 0...255.
    /// - Parameter endingAfter: those that ended earlier are left out (RFC 5280 3.3).
    func revocations(
        of issuer: CertificateID, buckets: ClosedRange<Int>, endingAfter: UnixTime,
        after: RevocationEntries.Place?, limit: Int
    ) async throws(FleetError) -> RevocationEntries

    /// No more revocations than this are stored, of all issuers together; found without counting
    /// them.
    func revocationsAtMost() async throws(FleetError) -> Int

    /// What is known of one serial number of `issuer`.
    func standing(
        of serialNumber: String, issuer: CertificateID
    ) async throws(FleetError) -> CertificateStanding

    /// The number of the next CRL of `issuer`, above every one before it, stored durably when this
    /// returns: no list leaves with a number that a crash could give out again.
    func takeListNumber(
        of issuer: CertificateID, at now: UnixTime
    ) async throws(FleetError) -> RevocationListNumber
}

/// RFC 6960 2.2.
package enum CertificateStanding: Hashable, Sendable {
    case good
    case revoked(Revocation)
    case unknown
}

/// Signed statements on who is revoked, for whoever asks over plain HTTP.
package protocol RevocationPublisher: Sendable {
    /// - Parameter name: as in the URL, such as `0123456789abcdef.crl` or
    ///   `0123456789abcdef-3of16.crl`.
    /// - Returns: nil where there is no such list.
    func list(named name: String) async throws(FleetError) -> PublishedStatement?
    /// The authority's certificate in DER, by `ID.cer`; nil where it is another's.
    func authority(named name: String) -> [UInt8]?
    /// The answer to a request of RFC 6960 in DER. Whatever is wrong with the request is said in
    /// the answer.
    func answer(ocsp request: [UInt8]) async -> PublishedStatement
}

package struct PublishedStatement: Hashable, Sendable {
    package let der: [UInt8]
    /// nil for what no cache may keep.
    package let thisUpdate: UnixTime?
    package let nextUpdate: UnixTime?

    package init(der: [UInt8], thisUpdate: UnixTime?, nextUpdate: UnixTime?) {
        self.der = der
        self.thisUpdate = thisUpdate
        self.nextUpdate = nextUpdate
    }
}
