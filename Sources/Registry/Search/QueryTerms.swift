package import Fleet

/// One end of a range as it is written.
struct RangeEnd {
    enum Operand: Hashable {
        /// `*`: no bound.
        case open
        case number(Double)
        case text(String)
    }
    let operand: Operand
    let isIncluded: Bool

    private func bound<Value>(_ value: Value) -> QueryRange<Value>.Bound {
        QueryRange.Bound(value, isIncluded: self.isIncluded)
    }

    var number: QueryRange<Double>.Bound? {
        if case .number(let value) = self.operand { self.bound(value) } else { nil }
    }
    var text: QueryRange<String>.Bound? {
        if case .text(let value) = self.operand { self.bound(value) } else { nil }
    }
}

extension FieldTest {
    /// - Parameter pattern: a word that is not `*` alone.
    init(_ pattern: QueryPattern) {
        self = pattern.literalText.map { .text($0) } ?? .pattern(pattern)
    }

    /// - Throws: `FleetError.invalidQuery` where the ends are none for the field, or for one
    ///   another.
    init(
        range: (lower: RangeEnd, upper: RangeEnd), kind: QueryField.Kind
    ) throws(FleetError) {
        switch (range.lower.operand, range.upper.operand, kind) {
        case (_, _, .flag):
            throw FleetError(.invalidQuery, "a boolean has no range; expected true, false or *")
        case (.text, _, .number), (_, .text, .number):
            throw FleetError(.invalidQuery, "it is a number, and so are the ends of its ranges")
        case (.open, .open, _):
            self = .present
        case (.number, .text, _), (.text, .number, _):
            throw FleetError(
                .invalidQuery,
                "a range has two numbers or two texts for its ends; a number in quotes is a text")
        case (.text, _, _), (_, .text, _):
            self = .texts(QueryRange(lower: range.lower.text, upper: range.upper.text))
        case (.number, _, _), (_, .number, _):
            self = .numbers(QueryRange(lower: range.lower.number, upper: range.upper.number))
        }
    }
}

extension QueryField {
    /// Fields that AWS has and that nothing here fills yet.
    private static let absent = [
        ("shadow.", "shadows are not indexed yet"),
        ("connectivity.version", "connections are not counted"),
        ("deviceDefender.", "Device Defender's violations are not indexed"),
    ]

    /// The field called `name`, which is case sensitive (AWS: "Query syntax").
    /// - Throws: `FleetError.invalidQuery`, naming those there are.
    package init(_ name: String, in index: FleetIndex) throws(FleetError) {
        let found = Self.named(in: index).first { field in
            field.name(in: index) == name || field.aliases.contains(name)
        }
        if let found {
            self = found
            return
        }
        let registryPrefix = "registry."
        let own =
            name.hasPrefix(registryPrefix + Self.attributePrefix) && index == .things
            ? String(name.dropFirst(registryPrefix.count)) : name
        if own.hasPrefix(Self.attributePrefix), own.utf8.count > Self.attributePrefix.utf8.count {
            self = .attribute(String(own.dropFirst(Self.attributePrefix.utf8.count)))
            return
        }
        for (prefix, reason) in Self.absent where name.hasPrefix(prefix) {
            throw FleetError(.invalidQuery, "'\(name.clipped)' cannot be searched: \(reason)")
        }
        let names = Self.named(in: index).map { $0.name(in: index) } + ["attributes.NAME"]
        throw FleetError(
            .invalidQuery,
            "'\(name.clipped)' is no field of \(index.rawValue), which has "
                + names.joined(separator: ", ") + "; write \\: for a colon in a term")
    }
}
