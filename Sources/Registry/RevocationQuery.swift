package import Fleet
import Policies

/// Which certificates a revocation is meant for, by where they came from:
/// `claim=line-4 and lot=B7 and issued between 2026-11-01 and 2026-11-24`. All terms must hold.
package struct RevocationQuery: Hashable, Sendable {
    package enum Term: Hashable, Sendable {
        case claim(CertificateID)
        /// The name of the claim that asked.
        case line(String)
        case station(String)
        case lot(String)
        case template(String)
        case version(Int)
        /// SHA-256 of the hook's source, or its first digits.
        case hook(String)
        /// The authority's id, or its first digits.
        case issuer(String)
        /// The public key's fingerprint, or its first digits.
        case key(String)
        case group(ThingGroupName)
        /// Both ends are in it.
        case issued(UnixTime, UnixTime)
    }

    package static let charactersMax = 2048
    private static let fields =
        "claim, line, station, lot, template, version, hook, issuer, key, group and "
        + "'issued between A and B'"
    /// Fewer digits of a digest would mean too many by accident.
    private static let digitsMin = 8

    package let terms: [Term]

    /// - Parameter now: says which day a time without a date is of, in UTC.
    /// - Throws: `FleetError.invalidQuery` naming the term that is none.
    package init(_ text: String, at now: UnixTime) throws(FleetError) {
        guard text.count <= Self.charactersMax else {
            throw FleetError(
                .invalidQuery, "--where is longer than \(Self.charactersMax) characters")
        }
        var words = text.split(separator: " ").map(String.init)[...]
        var terms: [Term] = []
        while let word = words.popFirst() {
            if word == "issued" {
                terms.append(try Self.issued(&words, at: now))
            } else {
                terms.append(try Self.term(word))
            }
            guard let next = words.popFirst() else { break }
            guard next == "and", !words.isEmpty else {
                throw FleetError(
                    .invalidQuery,
                    "'\(next.clipped)' in --where: terms are joined by ' and '; a value holds no "
                        + "spaces")
            }
        }
        guard !terms.isEmpty else {
            throw FleetError(
                .invalidQuery, "--where names nothing; its fields are \(Self.fields)")
        }
        self.terms = terms
    }

    /// A date, a date and time, or a time of today: `14:05` is 14:05:00 UTC.
    private static func moment(_ text: String, at now: UnixTime) -> Int64? {
        let millisecondsOfDay: Int64 = 86_400_000
        let midnight = now.milliseconds - now.milliseconds % millisecondsOfDay
        guard text.utf8.count == 5, text.contains(":") else {
            return PolicyDate.milliseconds(text)
        }
        return PolicyDate.milliseconds("1970-01-01T\(text):00Z").map { midnight + $0 }
    }

    private static func issued(
        _ words: inout ArraySlice<String>, at now: UnixTime
    ) throws(FleetError) -> Term {
        let usage =
            "write 'issued between 2026-11-01 and 2026-11-24T18:00:00Z', or 'between 14:05 and "
            + "15:30' for today in UTC"
        guard words.popFirst() == "between", let first = words.popFirst(),
            words.popFirst() == "and", let last = words.popFirst()
        else { throw FleetError(.invalidQuery, "issued in --where: \(usage)") }
        guard let from = Self.moment(first, at: now), let to = Self.moment(last, at: now),
            from <= to
        else {
            throw FleetError(
                .invalidQuery,
                "'\(first.clipped)' and '\(last.clipped)' in --where are no two dates in order: "
                    + usage)
        }
        return .issued(UnixTime(milliseconds: from), UnixTime(milliseconds: to))
    }

    private static func term(_ word: String) throws(FleetError) -> Term {
        guard let equals = word.firstIndex(of: "="), equals > word.startIndex,
            word.index(after: equals) < word.endIndex
        else {
            throw FleetError(
                .invalidQuery,
                "'\(word.clipped)' in --where is no FIELD=VALUE; fields are \(Self.fields)")
        }
        let value = String(word[word.index(after: equals)...])
        switch word[..<equals] {
        case "claim":
            // A claim is a name, and has one or more certificates.
            if let id = try? CertificateID(value) { return .claim(id) }
            return .line(try ClaimName(value).rawValue)
        case "line": return .line(value)
        case "station": return .station(value)
        case "lot": return .lot(value)
        case "template": return .template(value)
        case "version":
            guard let version = Int(value), version > 0 else {
                throw FleetError(.invalidQuery, "version in --where is no number above 0")
            }
            return .version(version)
        case "hook": return .hook(try Self.digits(value, "hook"))
        case "issuer": return .issuer(try Self.digits(value, "issuer"))
        case "key": return .key(try Self.digits(value, "key"))
        case "group": return .group(try ThingGroupName(value))
        default:
            throw FleetError(
                .invalidQuery,
                "'\(String(word[..<equals]).clipped)' in --where is no field; there are "
                    + Self.fields)
        }
    }

    private static func digits(_ text: String, _ field: String) throws(FleetError) -> String {
        let isHex = text.utf8.allSatisfy {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
        }
        guard isHex, (Self.digitsMin...64).contains(text.utf8.count) else {
            throw FleetError(
                .invalidQuery,
                "\(field) in --where is a digest: \(Self.digitsMin) to 64 lower-case hex digits")
        }
        return text
    }

    /// The labels of lines that are asked for, to be looked up among the claims.
    package var lines: [String] {
        self.terms.compactMap { if case .line(let label) = $0 { label } else { nil } }
    }

    package var groups: [ThingGroupName] {
        self.terms.compactMap { if case .group(let name) = $0 { name } else { nil } }
    }

    /// Whether all terms hold that the certificate itself can tell; groups are asked of its things.
    /// - Parameter lines: the label of each claim there is.
    package func matches(_ certificate: Certificate, lines: [CertificateID: String]) -> Bool {
        let origin = certificate.provenance?.origin
        let registration = certificate.provenance?.registration
        return self.terms.allSatisfy { term in
            switch term {
            case .claim(let id): origin?.claim == id
            case .line(let label): origin?.claim.flatMap { lines[$0] } == label
            case .station(let text): certificate.provenance?.station == text
            case .lot(let text): certificate.provenance?.lot == text
            case .template(let name): registration?.template?.rawValue == name
            case .version(let number): registration?.templateVersion == number
            case .hook(let digits): registration?.hookDigest?.hasPrefix(digits) == true
            case .issuer(let digits): certificate.issuerID?.rawValue.hasPrefix(digits) == true
            case .key(let digits): certificate.publicKey.rawValue.hasPrefix(digits)
            case .issued(let from, let to): (from...to).contains(certificate.createdAt)
            case .group: true
            }
        }
    }
}

/// What a revocation would reach, known by its digest: the same certificates, however many of them
/// are revoked already, have the same digest, so that one that was broken off goes on where it was.
package struct RevocationPlan: Hashable, Sendable {
    package let certificates: [CertificateID]

    package init(_ certificates: [CertificateID]) {
        self.certificates = certificates.sorted { $0.rawValue < $1.rawValue }
    }

    /// 64 lower-case hex digits.
    package var digest: String {
        ContentDigest.sha256(of: self.certificates.map(\.rawValue).joined(separator: "\n"))
    }
}
