/// A name that has been checked once, where it came in; from then on the type is the proof.
///
/// The rules are those of the AWS IoT API model (2015-05-28) for the same field.
package protocol CheckedName: Hashable, Sendable, CustomStringConvertible, Comparable {
    /// What an error calls it: "thing name".
    static var noun: String { get }
    static var charactersMax: Int { get }
    associatedtype Alphabet: NameAlphabet
    /// Names of allowed characters that are none all the same.
    static var refused: [String] { get }
    var rawValue: String { get }
    init(checked rawValue: String)
}

/// The characters that names of some kinds share.
package protocol NameAlphabet {
    static var allowedDescription: String { get }
    static func allows(_ byte: UInt8) -> Bool
}

extension CheckedName {
    package static var refused: [String] { [] }
    package static var allowedDescription: String { Self.Alphabet.allowedDescription }
    package static func allows(_ byte: UInt8) -> Bool { Self.Alphabet.allows(byte) }

    /// What a name has to be, for a message: "1 to 128 of a-z …".
    package static var rule: String {
        let names = Self.refused.map { "'\($0)'" }.joined(separator: " and ")
        return "1 to \(Self.charactersMax) of \(Self.allowedDescription)"
            + (names.isEmpty ? "" : ", not \(names)")
    }

    /// - Throws: `FleetError.invalidRequest`, naming the rule that was broken.
    package init(_ candidate: String) throws(FleetError) {
        guard (1...Self.charactersMax).contains(candidate.utf8.count),
            candidate.utf8.allSatisfy(Self.allows)
        else {
            throw FleetError(
                .invalidRequest, "'\(candidate.clipped)' is no \(Self.noun): \(Self.rule)")
        }
        guard !Self.refused.contains(candidate) else {
            throw FleetError(
                .invalidRequest,
                "'\(candidate)' is no \(Self.noun): no path reaches a resource of that name")
        }
        self.init(checked: candidate)
    }

    package var description: String { self.rawValue }
    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
    default: false
    }
}

extension String {
    /// Foreign text quoted in a message or a log: short, and on one line. Counted in scalars: a
    /// single character may be a letter under a hundred thousand accents.
    package var clipped: String { self.clipped(to: 64) }

    /// The same for what is worth more room.
    package func clipped(to scalarsMax: Int) -> String {
        // Ids, names and addresses, which most of it is, need no look at each scalar.
        if self.utf8.count <= scalarsMax, self.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) {
            return self
        }
        let scalars = self.unicodeScalars
        let clean = String(
            String.UnicodeScalarView(
                scalars.prefix(scalarsMax).map { $0.breaksLines ? "\u{FFFD}" : $0 }))
        return scalars.dropFirst(scalarsMax).isEmpty ? clean : clean + "…"
    }
}

extension Unicode.Scalar {
    /// C0, DEL, C1 and the line and paragraph separators: all that a log or a terminal might act
    /// upon.
    package var breaksLines: Bool {
        self.value < 0x20 || (0x7F...0x9F).contains(self.value) || self.value == 0x2028
            || self.value == 0x2029
    }
}

// MARK: Alphabets

/// AWS: `[a-zA-Z0-9:_-]+`.
package enum ThingAlphabet: NameAlphabet {
    package static let allowedDescription = "a-z A-Z 0-9 : _ -"
    package static func allows(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || ":_-".utf8.contains(byte)
    }
}

/// AWS: `[\w=,@-]+`.
package enum ProviderAlphabet: NameAlphabet {
    package static let allowedDescription = "a-z A-Z 0-9 _ = , @ -"
    package static func allows(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || "_=,@-".utf8.contains(byte)
    }
}

/// AWS: `[\w+=,.@-]+`, as IAM writes names.
package enum PolicyAlphabet: NameAlphabet {
    package static let allowedDescription = "a-z A-Z 0-9 _ + = , . @ -"
    package static func allows(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || "_+=,.@-".utf8.contains(byte)
    }
}

/// AWS: `[0-9A-Za-z_-]+`.
package enum TemplateAlphabet: NameAlphabet {
    package static let allowedDescription = "a-z A-Z 0-9 _ -"
    package static func allows(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || "_-".utf8.contains(byte)
    }
}

/// AWS: `[a-zA-Z0-9-_.]+`.
package enum PackageAlphabet: NameAlphabet {
    package static let allowedDescription = "a-z A-Z 0-9 - _ ."
    package static func allows(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || "-_.".utf8.contains(byte)
    }
}

// MARK: Names

/// AWS: `[a-zA-Z0-9:_-]+`, 1 to 128.
package struct ThingName: CheckedName {
    package typealias Alphabet = ThingAlphabet
    package static let noun = "thing name"
    package static let charactersMax = 128
    package let rawValue: String
    package init(checked rawValue: String) { self.rawValue = rawValue }
}

/// AWS: `[a-zA-Z0-9:_-]+`, 1 to 128.
package struct ThingGroupName: CheckedName {
    package typealias Alphabet = ThingAlphabet
    package static let noun = "thing group name"
    package static let charactersMax = 128
    package let rawValue: String
    package init(checked rawValue: String) { self.rawValue = rawValue }
}

/// AWS: `[a-zA-Z0-9:_-]+`, 1 to 128.
package struct ThingTypeName: CheckedName {
    package typealias Alphabet = ThingAlphabet
    package static let noun = "thing type name"
    package static let charactersMax = 128
    package let rawValue: String
    package init(checked rawValue: String) { self.rawValue = rawValue }
}

/// AWS: `[a-zA-Z0-9:_-]+`, 1 to 128.
package struct BillingGroupName: CheckedName {
    package typealias Alphabet = ThingAlphabet
    package static let noun = "billing group name"
    package static let charactersMax = 128
    package let rawValue: String
    package init(checked rawValue: String) { self.rawValue = rawValue }
}

/// AWS: `[\w=,@-]+`, 1 to 128.
package struct CertificateProviderName: CheckedName {
    package typealias Alphabet = ProviderAlphabet
    package static let noun = "certificate provider name"
    package static let charactersMax = 128
    package let rawValue: String
    package init(checked rawValue: String) { self.rawValue = rawValue }
}

/// AWS: `[\w+=,.@-]+`, 1 to 128.
package struct PolicyName: CheckedName {
    package typealias Alphabet = PolicyAlphabet
    package static let noun = "policy name"
    package static let charactersMax = 128
    /// Dot segments, which every client takes out of a path before it signs it (RFC 3986 5.2.4).
    package static let refused = [".", ".."]
    package let rawValue: String
    package init(checked rawValue: String) { self.rawValue = rawValue }
}

/// AWS: `^[0-9A-Za-z_-]+$`, 1 to 36. Device libraries size their topic buffers by it.
package struct TemplateName: CheckedName {
    package typealias Alphabet = TemplateAlphabet
    package static let noun = "provisioning template name"
    package static let charactersMax = 36
    package let rawValue: String
    package init(checked rawValue: String) { self.rawValue = rawValue }
}

/// AWS: `[a-zA-Z0-9-_.]+`, 1 to 128.
package struct PackageName: CheckedName {
    package typealias Alphabet = PackageAlphabet
    package static let noun = "package name"
    package static let charactersMax = 128
    package let rawValue: String
    package init(checked rawValue: String) { self.rawValue = rawValue }
}

/// AWS: `[a-zA-Z0-9-_.]+`, 1 to 64.
package struct PackageVersionName: CheckedName {
    package typealias Alphabet = PackageAlphabet
    package static let noun = "package version"
    package static let charactersMax = 64
    package let rawValue: String
    package init(checked rawValue: String) { self.rawValue = rawValue }
}

/// The name of a pre-provisioning hook script or of an allowlist: ours, so the rule is the
/// strictest that file names and topics share.
package struct HookName: CheckedName {
    package typealias Alphabet = TemplateAlphabet
    package static let noun = "hook name"
    package static let charactersMax = 64
    package let rawValue: String
    package init(checked rawValue: String) { self.rawValue = rawValue }
}

package struct AllowlistName: CheckedName {
    package typealias Alphabet = TemplateAlphabet
    package static let noun = "allowlist name"
    package static let charactersMax = 64
    package let rawValue: String
    package init(checked rawValue: String) { self.rawValue = rawValue }
}

/// One line of an allowlist: 1 to 256 bytes of UTF-8 without control characters or edge spaces.
package struct SerialNumber: Hashable, Sendable, CustomStringConvertible, Comparable {
    package static let bytesMax = 256
    package let rawValue: String

    package init(_ candidate: String) throws(FleetError) {
        guard (1...Self.bytesMax).contains(candidate.utf8.count),
            candidate.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }),
            candidate.utf8.first != 0x20, candidate.utf8.last != 0x20
        else {
            throw FleetError(
                .invalidRequest,
                "'\(candidate.clipped)' is no serial number: 1 to \(Self.bytesMax) bytes, no "
                    + "control characters, no space at either end")
        }
        self.rawValue = candidate
    }

    package var description: String { self.rawValue }

    /// Byte by byte, as the store and a hook tell serial numbers apart. Swift holds texts that are
    /// canonically equivalent (Unicode, UAX 15) for one, and a unit would be taken for another.
    package static func == (left: Self, right: Self) -> Bool {
        left.rawValue == right.rawValue && left.rawValue.utf8.elementsEqual(right.rawValue.utf8)
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.rawValue.utf8.lexicographicallyPrecedes(right.rawValue.utf8)
    }
}
