package import Fleet

/// What the columns of an allowlist file say, besides the serial number. A column whose name means
/// nothing to the service becomes an attribute of that name.
struct AllowlistHeader {
    struct Problem: Error { let reason: String }

    private enum Column {
        case serial
        case key
        case mac
        case hardwareType
        case lot
        case state
        case attribute(String)
        /// A column without a name, or one of an export that tells what became of the unit.
        case ignored
    }

    private static let nameBytesMax = 128
    private var columns: [Column] = []
    /// Whether `slipway allowlist export` wrote the file.
    private var isExport = false

    /// How many columns there are; nil where there is no header.
    var width: Int? { self.columns.isEmpty ? nil : self.columns.count }

    /// What an export has beside the state: they are this service's to say, not a file's.
    private static let ofStandings: Set<String> = ["station", "thing", "since"]

    /// What others call the serial number's column. It is not guessed at: a file may well have a
    /// column of them beside the one that is meant.
    private static let otherNamesOfSerial: Set<String> = [
        "sn", "serialno", "serialnr", "serialnum", "serials", "serialnumbers", "deviceserial",
        "deviceserialnumber", "deviceid", "unitid", "seriennummer",
    ]

    /// Whether a first line speaks of columns, and of no serial number: nobody calls units so.
    static func isHeaderWithoutSerial(_ fields: [[UInt8]]) -> Bool {
        let names = fields.map { String(validating: $0, as: UTF8.self) }
        let known = names.count { name in
            guard let name else { return false }
            if case .attribute = Self.column(Self.folded(name), named: name) { return false }
            return true
        }
        return known == fields.count || known > 1
            || names.contains { name in
                guard let name else { return false }
                return Self.otherNamesOfSerial.contains(Self.folded(name))
            }
    }

    private static func folded(_ name: String) -> String {
        name.lowercased().filter { !" \t_-".contains($0) }
    }

    static func read(_ fields: [[UInt8]], serial: Int) -> Result<AllowlistHeader, Problem> {
        var header = AllowlistHeader()
        var seen: Set<String> = []
        let names = Set(
            fields.compactMap { String(validating: $0, as: UTF8.self) }.map(Self.folded))
        header.isExport = names.isSuperset(of: Self.ofStandings) && names.contains("state")
        for (index, field) in fields.enumerated() {
            guard let name = String(validating: field, as: UTF8.self) else {
                return .failure(Problem(reason: "is not valid UTF-8"))
            }
            let trimmed = String(name.drop { $0 == " " || $0 == "\t" }).trimmedEnd
            let spelt = Self.folded(trimmed)
            let folded = spelt == "serialnumber" ? "serial" : spelt
            guard index != serial else {
                seen.insert(folded)
                header.columns.append(.serial)
                continue
            }
            guard !trimmed.isEmpty, !header.isExport || !Self.ofStandings.contains(folded) else {
                header.columns.append(.ignored)
                continue
            }
            guard trimmed.utf8.count <= Self.nameBytesMax, seen.insert(folded).inserted else {
                return .failure(
                    Problem(reason: "has the column '\(trimmed.clipped)' twice, or too long a name")
                )
            }
            header.columns.append(Self.column(folded, named: trimmed))
        }
        return .success(header)
    }

    private static func column(_ folded: String, named name: String) -> Column {
        switch folded {
        case "key", "fingerprint", "keyfingerprint", "publickeyfingerprint": .key
        case "mac", "macaddress": .mac
        case "type", "hardwaretype", "model": .hardwareType
        case "lot", "batch": .lot
        case "state": .state
        default: .attribute(name)
        }
    }

    /// - Throws: `FleetError.invalidRequest` naming the field that makes no sense.
    func facts(
        of serial: SerialNumber, in fields: [[UInt8]]
    ) throws(FleetError) -> AllowlistFacts {
        var facts = AllowlistFacts(serial: serial)
        guard self.columns.count > 1 else { return facts }
        for (column, field) in zip(self.columns, fields) where !field.isEmpty {
            if case .serial = column { continue }
            if case .ignored = column { continue }
            guard let whole = String(validating: field, as: UTF8.self) else {
                throw FleetError(.invalidRequest, "is not valid UTF-8")
            }
            let text = String(whole.drop { $0 == " " || $0 == "\t" }).trimmedEnd
            guard !text.isEmpty else { continue }
            guard !text.unicodeScalars.contains(where: \.breaksLines) else {
                throw FleetError(
                    .invalidRequest, "has a control character in the field of '\(serial)'")
            }
            switch column {
            case .serial, .ignored: break
            case .key: facts.key = try PublicKeyFingerprint(text)
            case .mac: facts.mac = try MACAddress.canonical(text)
            case .hardwareType: facts.hardwareType = text
            case .lot: facts.lot = text
            case .state:
                facts.firstState = try self.firstState(text)
                facts.saysExpected = facts.firstState == .expected
            case .attribute(let name): facts.attributes[name] = text
            }
        }
        return facts
    }
}

extension AllowlistHeader {
    /// Where a unit begins. In an export, what has come of it since is read as its beginning.
    private func firstState(_ text: String) throws(FleetError) -> AllowlistStanding.State {
        let state = AllowlistStanding.State(rawValue: text.lowercased())
        switch state {
        case .expected, .held, .blocked: return state ?? .expected
        case .leased, .provisioned, .released:
            if self.isExport { return .expected }
        case nil: break
        }
        throw FleetError(
            .invalidRequest,
            "'\(text.clipped)' is no state a file may give: expected, held or blocked")
    }
}

/// A device's hardware address (EUI-48 or EUI-64), however it is written.
package enum MACAddress {
    /// Lower-case hex with colons.
    /// - Throws: `FleetError.invalidRequest`.
    package static func canonical(_ text: String) throws(FleetError) -> String {
        let digits = text.lowercased().filter { !":-. ".contains($0) }
        guard digits.utf8.count == 12 || digits.utf8.count == 16,
            digits.allSatisfy({ $0.isASCII && $0.isHexDigit })
        else {
            throw FleetError(
                .invalidRequest, "'\(text.clipped)' is no MAC address: 12 or 16 hex digits")
        }
        var pairs: [Substring] = []
        var rest = digits[...]
        while !rest.isEmpty {
            pairs.append(rest.prefix(2))
            rest = rest.dropFirst(2)
        }
        return pairs.joined(separator: ":")
    }
}

extension String {
    /// Without spaces and tabs at its end.
    fileprivate var trimmedEnd: String {
        var text = self[...]
        while text.last == " " || text.last == "\t" { text = text.dropLast() }
        return String(text)
    }
}
