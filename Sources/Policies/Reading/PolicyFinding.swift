package import Fleet
package import JSON

/// Something to say about a policy document: what, how grave, and where.
package struct PolicyFinding: Hashable, Sendable, CustomStringConvertible {
    package enum Severity: String, Hashable, Sendable, Comparable {
        case note, warning, error

        private var rank: Int {
            switch self {
            case .note: 0
            case .warning: 1
            case .error: 2
            }
        }
        package static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
    }

    package let rule: PolicyRule
    package let place: JSONPointer
    /// Whether it is about the member's key rather than its value.
    package let isAboutKey: Bool
    /// nil where the document was read as a part of another, and has no text of its own.
    package private(set) var position: JSONSourceMap.Position?
    /// The message without the name that was probably meant.
    package let fault: String
    /// The valid name that a misspelt one is nearest to.
    package let nearest: String?

    package init(
        _ rule: PolicyRule, _ fault: String, at place: JSONPointer, isAboutKey: Bool = false,
        nearest: String? = nil, position: JSONSourceMap.Position? = nil
    ) {
        self.rule = rule
        self.place = place
        self.isAboutKey = isAboutKey
        self.position = position
        self.fault = fault
        self.nearest = nearest
    }

    package var message: String {
        self.fault + (self.nearest.map { "; did you mean '\($0)'?" } ?? "")
    }

    /// The same in other words, as for a reader who knows the document in another form.
    package func saying(_ fault: String) -> PolicyFinding {
        PolicyFinding(
            self.rule, fault, at: self.place, isAboutKey: self.isAboutKey, nearest: self.nearest,
            position: self.position)
    }

    func located(by map: JSONSourceMap) -> PolicyFinding {
        var located = self
        if located.position == nil {
            located.position = map.position(of: self.place, key: self.isAboutKey)
        }
        return located
    }

    /// `line 3, column 20 (/Statement/0/Action): …`
    package var description: String {
        let pointer = self.place == .root ? nil : self.place.description.clippedPointer
        switch (self.position, pointer) {
        case (let position?, let pointer?): return "\(position) (\(pointer)): \(self.message)"
        case (let position?, nil): return "\(position): \(self.message)"
        case (nil, let pointer?): return "\(pointer): \(self.message)"
        case (nil, nil): return self.message
        }
    }
}

extension FleetError {
    /// Findings that an error puts into words, each with its place; the rest is counted.
    private static let findingsMax = 8

    /// The refusal of a document for all that is wrong with it.
    package static func malformedPolicy(_ findings: [PolicyFinding]) -> FleetError {
        var words = findings.prefix(Self.findingsMax).map(\.description)
        let more = findings.count - words.count
        if more > 0 { words.append("and \(more) more") }
        return FleetError(.malformedPolicy, words.joined(separator: "; "))
    }
}

extension String {
    /// A pointer holds the document's own keys, which are foreign text.
    fileprivate var clippedPointer: String {
        self.split(separator: "/", omittingEmptySubsequences: false)
            .map { String($0).clipped }.joined(separator: "/")
    }
}
