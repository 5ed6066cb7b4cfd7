import Fleet
import SwiftASN1

/// The attributes a subject of ours may have: what a request may ask for, and nothing else.
package enum SubjectAttribute: String, Sendable, CaseIterable {
    case commonName, organization, organizationalUnit, country, stateOrProvince, locality
    case serialNumber

    /// RFC 4514, section 3; `serialNumber` has no short form there and goes by RFC 4519's name.
    package var shortName: String {
        switch self {
        case .commonName: "CN"
        case .organization: "O"
        case .organizationalUnit: "OU"
        case .country: "C"
        case .stateOrProvince: "ST"
        case .locality: "L"
        case .serialNumber: "serialNumber"
        }
    }

    var identifier: ASN1ObjectIdentifier {
        switch self {
        case .commonName: [2, 5, 4, 3]
        case .organization: [2, 5, 4, 10]
        case .organizationalUnit: [2, 5, 4, 11]
        case .country: [2, 5, 4, 6]
        case .stateOrProvince: [2, 5, 4, 8]
        case .locality: [2, 5, 4, 7]
        case .serialNumber: [2, 5, 4, 5]
        }
    }

    private static let byIdentifier = Dictionary(
        uniqueKeysWithValues: Self.allCases.map { ($0.identifier, $0) })

    init?(_ identifier: ASN1ObjectIdentifier) {
        guard let found = Self.byIdentifier[identifier] else { return nil }
        self = found
    }

    /// RFC 5280, appendix A.1, "Upper Bounds", in characters.
    var charactersMax: Int {
        switch self {
        case .commonName, .organization, .organizationalUnit, .serialNumber: 64
        case .stateOrProvince, .locality: 128
        case .country: 2
        }
    }

    /// RFC 5280, appendix A.1: X520countryName and X520SerialNumber are PrintableString, the
    /// others UTF8String (4.1.2.4).
    var isPrintable: Bool {
        switch self {
        case .country, .serialNumber: true
        case .commonName, .organization, .organizationalUnit, .stateOrProvince, .locality: false
        }
    }

    /// What is wrong with `value`; nil where nothing is.
    func complaint(about value: String) -> String? {
        let count = value.unicodeScalars.count
        if count == 0 { return "\(self.shortName) is empty" }
        switch self {
        case .country:
            // ISO 3166 alpha-2, as X.520 demands.
            guard count == 2,
                value.utf8.allSatisfy({ (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) })
            else { return "C '\(value.clipped)' is no country code: two letters A-Z" }
        case .commonName, .organization, .organizationalUnit, .stateOrProvince, .locality,
            .serialNumber:
            guard count <= self.charactersMax else {
                return "\(self.shortName) has \(count) characters, more than "
                    + "\(self.charactersMax)"
            }
        }
        if value.unicodeScalars.contains(where: \.breaksLines) {
            return "\(self.shortName) holds a control character"
        }
        if self.isPrintable, !value.utf8.allSatisfy(isPrintableStringByte) {
            return "\(self.shortName) '\(value.clipped)' is not a PrintableString: "
                + "a-z A-Z 0-9 space ' ( ) + , - . / : = ?"
        }
        return nil
    }
}

/// X.680 41.4, table 10.
func isPrintableStringByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
    default: " '()+,-./:=?".utf8.contains(byte)
    }
}
