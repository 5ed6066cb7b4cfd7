package import Fleet

/// Where a key is that never lies in `pki/`: `pkcs11:token=slipway;object=issuing` (RFC 7512),
/// `org.openssl.engine:ENGINE:KEY`, or whatever a provider of OpenSSL understands.
///
/// It is written down, shown and logged, so it never holds a PIN.
package struct KeyURI: Hashable, Sendable, CustomStringConvertible {
    package static let bytesMax = 512
    /// A key in a file is kept encrypted here, and what comes over a network is on no token.
    private static let refusedSchemes: Set<String> = ["file", "data", "http", "https", "ftp"]
    /// RFC 7512 2.3: the secret itself, and where it may be read from.
    private static let secretAttributes = ["pin-value", "pin-source"]

    package let text: String

    package var description: String { self.text }

    /// - Throws: `FleetError.invalidRequest` for what is no such URI. The message does not repeat
    ///   it, since it may hold a PIN.
    package init(_ text: String) throws(FleetError) {
        let lowered = text.lowercased()
        for attribute in Self.secretAttributes where lowered.contains(attribute) {
            throw FleetError(
                .invalidRequest,
                "the key's URI holds '\(attribute)': it is kept and shown, so leave it out, and "
                    + "give the PIN with --pki-token-pin-file")
        }
        guard text.utf8.count <= Self.bytesMax,
            text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
            let colon = lowered.firstIndex(of: ":"), lowered.index(after: colon) < lowered.endIndex,
            Self.isScheme(lowered[..<colon])
        else {
            throw FleetError(
                .invalidRequest,
                "it is no URI of a key, such as 'pkcs11:token=slipway;object=issuing': printable "
                    + "ASCII without spaces, at most \(Self.bytesMax) characters")
        }
        let scheme = String(lowered[..<colon])
        guard !Self.refusedSchemes.contains(scheme) else {
            throw FleetError(
                .invalidRequest,
                "a key by '\(scheme):' is on no token: keys in files are made and kept encrypted "
                    + "by 'slipway ca create' without --key")
        }
        self.text = text
    }

    /// RFC 3986 3.1.
    private static func isScheme(_ text: Substring) -> Bool {
        text.first?.isLetter == true
            && text.allSatisfy { $0.isLetter || $0.isNumber || "+-.".contains($0) }
    }
}
