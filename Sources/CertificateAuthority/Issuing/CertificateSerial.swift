package import Fleet

/// A certificate's serial number: 20 octets, positive, unpredictable (RFC 5280 4.1.2.2).
///
/// The first octet is fixed, non-zero and below 0x80, so that no draw is shortened by a leading
/// zero or needs a sign octet; the other 19 are random, 152 bits where 64 are demanded.
package struct CertificateSerial: Hashable, Sendable {
    package static let octetCount = 20
    static let firstOctet: UInt8 = 0x53

    package let bytes: [UInt8]

    package init(from entropy: any Entropy) throws(FleetError) {
        let random = entropy.bytes(count: Self.octetCount - 1)
        guard random.count == Self.octetCount - 1 else {
            throw FleetError(
                .internalFailure,
                "the entropy source gave \(random.count) bytes instead of "
                    + "\(Self.octetCount - 1) for a serial number")
        }
        self.bytes = [Self.firstOctet] + random
    }

    /// As the store keeps it: lower-case hex without a sign byte.
    package var text: String { self.bytes.hex }
}
