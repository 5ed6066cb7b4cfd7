package import Fleet
import Policies

/// `--where` of certificates, in lists and in revocations: by where they came from,
/// `claim=line-4 and lot=B7 and issued between 2026-11-01 and 2026-11-24`. All terms must hold.
package struct CertificateQuery: Hashable, Sendable {
    /// What may be asked.
    package enum Scope: Hashable, Sendable {
        /// Also by what the certificate is at the moment.
        case list
        /// Only by what stays: a plan that is broken off must mean the same when it goes on.
        case plan
    }

    package static let charactersMax = 2048
    private static let fields =
        "claim, line, station, lot, template, version, hook, issuer, key, weakness, group, kind "
        + "and 'issued between A and B'"
    /// Fewer digits of a digest would mean too many by accident.
    private static let digitsMin = 8

    /// Names of claims: all of them must be the one whose certificate asked.
    package private(set) var lines: [String] = []
    private var terms: [CertificateFilter.Term] = []

    /// How many terms were read.
    package var count: Int { self.lines.count + self.terms.count }

    /// - Parameter now: says which day a time without a date is of, in UTC.
    /// - Throws: `FleetError.invalidQuery` naming the term that is none.
    package init(_ text: String, for scope: Scope, at now: UnixTime) throws(FleetError) {
        guard text.count <= Self.charactersMax else {
            throw FleetError(
                .invalidQuery, "--where is longer than \(Self.charactersMax) characters")
        }
        var words = try Self.words(of: text)[...]
        while let word = words.popFirst() {
            if word == "issued" {
                self.terms.append(try Self.issued(&words, at: now))
            } else {
                try self.add(word, scope)
            }
            guard let next = words.popFirst() else { break }
            guard next == "and", !words.isEmpty else {
                throw FleetError(
                    .invalidQuery,
                    "'\(next.clipped)' in --where: terms are joined by ' and '; a value with "
                        + "spaces is put in double quotes, lot=\"Lot 7\"")
            }
        }
        guard self.count > 0 else {
            throw FleetError(
                .invalidQuery, "--where names nothing; its fields are \(Self.fields)")
        }
    }

    /// Parted by spaces, but for those in double quotes; in quotes, a backslash takes the next
    /// character as it is.
    private static func words(of text: String) throws(FleetError) -> [String] {
        var words: [String] = []
        var word: String?
        var (isQuoted, isEscaped) = (false, false)
        for character in text {
            if isEscaped {
                word = (word ?? "") + String(character)
                isEscaped = false
            } else if isQuoted, character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                isQuoted.toggle()
                word = word ?? ""
            } else if character == " ", !isQuoted {
                if let word { words.append(word) }
                word = nil
            } else {
                word = (word ?? "") + String(character)
            }
        }
        guard !isQuoted else {
            throw FleetError(.invalidQuery, "a double quote in --where is not closed")
        }
        if let word { words.append(word) }
        return words
    }

    /// One filter for each certificate that asked in the claim's name; their finds are disjoint.
    /// - Parameter claims: the certificates of each of `lines`.
    package func filters(claims: [String: [CertificateID]]) -> [CertificateFilter] {
        guard let first = self.lines.first else { return [CertificateFilter(self.terms)] }
        // Of two different claims no certificate is.
        let certificates = self.lines.dropFirst().reduce(Set(claims[first] ?? [])) {
            $0.intersection(claims[$1] ?? [])
        }
        return certificates.sorted().map { CertificateFilter([.claim($0)] + self.terms) }
    }

    private static let millisecondsOfDay: Int64 = 86_400_000

    /// The last moment that `text` names: a date is the whole day. Seconds since 1970 have ten
    /// digits too, and name a moment.
    private static func end(_ text: String, at now: UnixTime) -> Int64? {
        guard let start = Self.moment(text, at: now) else { return nil }
        let isDate = text.utf8.count == 10 && text.utf8.dropFirst(4).first == UInt8(ascii: "-")
        return isDate ? start + Self.millisecondsOfDay - 1 : start
    }

    /// The first moment of a date, a date and time, or a time of today: `14:05` is 14:05:00 UTC.
    private static func moment(_ text: String, at now: UnixTime) -> Int64? {
        let midnight = now.milliseconds - now.milliseconds % Self.millisecondsOfDay
        guard text.utf8.count == 5, text.contains(":") else {
            return PolicyDate.milliseconds(text)
        }
        return PolicyDate.milliseconds("1970-01-01T\(text):00Z").map { midnight + $0 }
    }

    private static func issued(
        _ words: inout ArraySlice<String>, at now: UnixTime
    ) throws(FleetError) -> CertificateFilter.Term {
        let usage =
            "write 'issued between 2026-11-01 and 2026-11-24T18:00:00Z', or 'between 14:05 and "
            + "15:30' for today in UTC"
        guard words.popFirst() == "between", let first = words.popFirst(),
            words.popFirst() == "and", let last = words.popFirst()
        else { throw FleetError(.invalidQuery, "issued in --where: \(usage)") }
        guard let from = Self.moment(first, at: now), let to = Self.end(last, at: now),
            from <= to
        else {
            throw FleetError(
                .invalidQuery,
                "'\(first.clipped)' and '\(last.clipped)' in --where are no two dates in order: "
                    + usage)
        }
        return .issued(UnixTime(milliseconds: from), UnixTime(milliseconds: to))
    }

    private mutating func add(_ word: String, _ scope: Scope) throws(FleetError) {
        guard let equals = word.firstIndex(of: "="), equals > word.startIndex,
            word.index(after: equals) < word.endIndex
        else {
            throw FleetError(
                .invalidQuery,
                "'\(word.clipped)' in --where is no FIELD=VALUE; fields are \(Self.fields)")
        }
        let (field, value) = (word[..<equals], String(word[word.index(after: equals)...]))
        switch field {
        case "claim":
            // A claim is a name, and has one or more certificates.
            if let id = try? CertificateID(value) {
                self.terms.append(.claim(id))
            } else {
                self.lines.append(try ClaimName(value).rawValue)
            }
        case "line": self.lines.append(value)
        case "status":
            guard scope == .list else {
                throw FleetError(
                    .invalidQuery,
                    "status is for lists: a revocation goes by what stays, so that one that was "
                        + "broken off means the same when it goes on")
            }
            self.terms.append(.status(try Self.word(field, value)))
        case "kind": self.terms.append(.kind(try Self.word(field, value)))
        default: self.terms.append(try Self.origin(field, value))
        }
    }

    private static func word<Word: RawRepresentable<String> & CaseIterable>(
        _ field: Substring, _ value: String
    ) throws(FleetError) -> Word {
        guard let word = Word(rawValue: value) else {
            throw FleetError(
                .invalidQuery,
                "'\(value.clipped)' in --where is no \(field): there are "
                    + Word.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return word
    }

    private static func origin(
        _ field: Substring, _ value: String
    ) throws(FleetError) -> CertificateFilter.Term {
        switch field {
        case "station": return .station(value)
        case "lot": return .lot(value)
        case "template": return .template(try TemplateName(value))
        case "version":
            guard let version = Int(value), version > 0 else {
                throw FleetError(.invalidQuery, "version in --where is no number above 0")
            }
            return .version(version)
        case "hook": return .hook(try Self.digits(value, "hook"))
        case "issuer": return .issuer(try Self.digits(value, "issuer"))
        case "key": return .key(try Self.digits(value, "key"))
        case "weakness": return .weakness(try KeyWeakness(named: value))
        case "group": return .group(try ThingGroupName(value))
        default:
            throw FleetError(
                .invalidQuery,
                "'\(String(field).clipped)' in --where is no field; there are \(Self.fields)"
                    + ", and in lists status")
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
}
