package import Fleet

/// Where certificates say that their standing can be asked for. Written into each at issue.
package struct RevocationPublication: Hashable, Sendable {
    /// Powers of two, so that a serial's bucket tells its shard for any number of them.
    package static let shardCounts: Set<Int> = [1, 2, 4, 8, 16, 32, 64, 128, 256]
    /// Of `Revocation.bucket`.
    static let buckets = 256

    /// Without a slash at its end.
    package let url: String
    package let shards: Int

    /// - Throws: `FleetError.invalidRequest` unless `url` is plain HTTP (a client that checked the
    ///   server's certificate would have to ask here first) and `shards` a power of two to 256.
    package init(url: String, shards: Int) throws(FleetError) {
        let text = url.hasSuffix("/") ? String(url.dropLast()) : url
        guard text.hasPrefix("http://"), text.utf8.count > "http://".utf8.count,
            text.utf8.count <= 200, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else {
            throw FleetError(
                .invalidRequest,
                "'\(url.clipped)' is no URL to publish revocations under: it must begin with "
                    + "http:// and have no spaces, at most 200 characters")
        }
        guard Self.shardCounts.contains(shards) else {
            throw FleetError(
                .invalidRequest, "\(shards) is no number of CRL shards: a power of two up to 256")
        }
        self.url = text
        self.shards = shards
    }

    /// What stands behind the host in `url`; empty where nothing does.
    package var path: String {
        String(self.url.dropFirst("http://".count).drop { $0 != "/" })
    }

    static func name(of authority: CertificateID) -> String {
        String(authority.rawValue.prefix(16))
    }

    /// The shard a serial number belongs to, and stays in.
    func shardURL(of serial: CertificateSerial, issuer: CertificateID) -> String {
        let shard = Int(serial.bytes.last ?? 0) * self.shards / Self.buckets
        return "\(self.url)/crl/\(Self.name(of: issuer))-\(shard)of\(self.shards).crl"
    }

    var ocspURL: String { "\(self.url)/ocsp" }

    func authorityURL(_ issuer: CertificateID) -> String {
        "\(self.url)/ca/\(Self.name(of: issuer)).cer"
    }

    /// CRLDistributionPoints (RFC 5280 4.2.1.13).
    func distributionPoints(
        of serial: CertificateSerial, issuer: CertificateID
    ) -> [UInt8] {
        let url = self.shardURL(of: serial, issuer: issuer)
        let point = StatusDER.wrapped(
            StatusDER.sequence, StatusDER.distributionPointName(url))
        return StatusDER.wrapped(StatusDER.sequence, point)
    }

    /// AuthorityInfoAccess (RFC 5280 4.2.2.1): OCSP, and the issuer's certificate.
    func informationAccess(issuer: CertificateID) -> [UInt8] {
        let method: [UInt8] = [0x2B, 6, 1, 5, 5, 7, 0x30]
        func access(_ last: UInt8, _ url: String) -> [UInt8] {
            StatusDER.wrapped(
                StatusDER.sequence,
                StatusDER.wrapped(StatusDER.objectIdentifier, method + [last])
                    + StatusDER.wrapped(0x86, Array(url.utf8)))
        }
        return StatusDER.wrapped(
            StatusDER.sequence,
            access(1, self.ocspURL) + access(2, self.authorityURL(issuer)))
    }
}

/// A list's name in its URL: the authority's, and which part of its certificates.
struct RevocationListName: Hashable {
    /// nil for all of them.
    let shard: (index: Int, count: Int)?

    static func == (left: Self, right: Self) -> Bool {
        left.shard?.index == right.shard?.index && left.shard?.count == right.shard?.count
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(self.shard?.index)
        hasher.combine(self.shard?.count)
    }

    /// nil for what names no list of `authority`.
    init?(_ text: String, of authority: CertificateID) {
        guard text.hasSuffix(".crl"), text.hasPrefix(RevocationPublication.name(of: authority))
        else { return nil }
        let middle = text.dropFirst(16).dropLast(4)
        if middle.isEmpty {
            self.shard = nil
            return
        }
        let numbers = middle.dropFirst().split(separator: "of", omittingEmptySubsequences: false)
        guard middle.first == "-", numbers.count == 2, let index = Int(numbers[0]),
            let count = Int(numbers[1]), RevocationPublication.shardCounts.contains(count),
            (0..<count).contains(index), middle == "-\(index)of\(count)"
        else { return nil }
        self.shard = (index, count)
    }

    var buckets: ClosedRange<Int> {
        guard let (index, count) = self.shard else {
            return 0...(RevocationPublication.buckets - 1)
        }
        let width = RevocationPublication.buckets / count
        return (index * width)...((index + 1) * width - 1)
    }

    func url(under base: String, _ authority: CertificateID) -> String? {
        guard let (index, count) = self.shard else { return nil }
        let name = RevocationPublication.name(of: authority)
        return "\(base)/crl/\(name)-\(index)of\(count).crl"
    }
}
