import Fleet
import JSON
import Policies

/// A policy document with something in place of its parameters: what it says, whatever they are.
struct StandIn {
    /// What stands for a value that is known no earlier than a device comes.
    struct Word {
        let parameter: String
        let text: String
        /// Whether it is a part of what one thing is called, and of no other.
        let isOwn: Bool
        /// Whether all such values have one length, so that none begins with another.
        let isFixed: Bool
    }

    let words: [Word]
    /// Which item of a list, or entry of a map, stands where a value chooses.
    var choice = 0
    private let values: [String: String]
    private let mappings: [String: [String: [String: String]]]
    /// Parameters whose text is anybody's guess: no default of the author's own.
    private let free: Set<String>

    /// Words that can be told apart afterwards: characters of Unicode's private use, which are
    /// nobody's text and no wildcards, and as short as a value can be.
    init(words document: TemplateDocument, realm: Realm) {
        let naming = Set(document.thing.name.references)
        let certificate = PseudoParameter.certificateID.rawValue
        var words = [
            Word(
                parameter: certificate, text: Self.certificateID, isOwn: true, isFixed: true)
        ]
        for (index, parameter) in document.parameters.enumerated()
        where PseudoParameter(rawValue: parameter.name) == nil {
            words.append(
                Word(
                    parameter: parameter.name, text: Self.word(index),
                    isOwn: naming.contains(parameter.name), isFixed: false))
        }
        self.init(
            words: words, parameters: document.parameters, mappings: document.mappings,
            realm: realm)
    }

    /// What a rendering comes to where a device sends `0` for all that it has to send.
    init(
        values parameters: [TemplateDocument.Parameter],
        mappings: [String: [String: [String: String]]]
    ) {
        let words = parameters.map {
            Word(
                parameter: $0.name, text: $0.defaultValue ?? Self.unknown, isOwn: false,
                isFixed: false)
        }
        self.init(
            words: words, parameters: parameters, mappings: mappings, realm: .standard)
    }

    private init(
        words: [Word], parameters: [TemplateDocument.Parameter],
        mappings: [String: [String: [String: String]]], realm: Realm
    ) {
        var texts: [String: String] = [:]
        for word in words { texts[word.parameter] = word.text }
        texts[PseudoParameter.certificateID.rawValue] = Self.certificateID
        texts[PseudoParameter.region.rawValue] = realm.region
        texts[PseudoParameter.accountID.rawValue] = realm.account
        self.words = words
        self.values = texts
        self.mappings = mappings
        self.free = Set(
            parameters.lazy.filter {
                $0.defaultValue == nil && PseudoParameter(rawValue: $0.name) == nil
            }.map(\.name))
    }

    /// Unicode 23.5: private use, which has room for many more than a template has parameters.
    private static func word(_ index: Int) -> String {
        let scalar = Unicode.Scalar(0xE000 + UInt32(clamping: index % 0x1900))
        return scalar.map { String($0) } ?? Self.unknown
    }

    private static let unknown = "0"
    private static let certificateID = String(repeating: "0", count: 64)

    /// With the parameters' names again.
    func readable(_ text: String) -> String {
        var text = text
        for word in self.words {
            text = text.split(separator: word.text, omittingEmptySubsequences: false)
                .joined(separator: "{\(word.parameter)}")
        }
        return text
    }

    // MARK: Values

    /// - Parameter replaced: by the place in the document, texts to stand there instead.
    func value(
        of tree: TemplateTree, at place: JSONPointer = .root,
        replaced: [JSONPointer: String] = [:]
    ) -> JSONValue {
        if let text = replaced[place] { return .string(text) }
        switch tree {
        case .literal(let value): return value
        case .text(let expression): return .string(self.text(expression))
        case .list(let list):
            return .array(
                self.texts(list).enumerated().map { index, text in
                    .string(replaced[place.appending(index)] ?? text.plain)
                })
        case .array(let elements):
            return .array(
                elements.enumerated().map { index, element in
                    self.value(of: element, at: place.appending(index), replaced: replaced)
                })
        case .object(let members):
            return .object(
                JSONObject(
                    members.map { member in
                        let inside = place.appending(member.key)
                        return (
                            member.key,
                            self.value(of: member.value, at: inside, replaced: replaced)
                        )
                    }))
        }
    }

    private func text(_ expression: TemplateExpression) -> String {
        self.rendered(expression).plain
    }

    /// Whether a device would choose which policy variable is meant, which no rendering allows.
    func choosesVariable(_ expression: TemplateExpression) -> Bool {
        self.isSettled(expression) && self.rendered(expression).escapedForPolicy == nil
    }

    private func rendered(_ expression: TemplateExpression) -> RenderedText {
        switch expression.form {
        case .literal(let text): return RenderedText(text, isForeign: false)
        case .reference(let name):
            return RenderedText(self.standing(for: name), isForeign: self.free.contains(name))
        case .join(let separator, let list):
            var joined = RenderedText.empty
            for (index, item) in self.texts(list).enumerated() {
                if index > 0 { joined.append(RenderedText(separator, isForeign: false)) }
                joined.append(item)
            }
            return joined
        case .substitution(let pieces):
            var joined = RenderedText.empty
            for piece in pieces { joined.append(self.rendered(piece)) }
            return joined
        case .select(let index, let list):
            let items = self.texts(list)
            let position =
                index.literal.flatMap { Int($0) } ?? min(self.choice, max(items.count - 1, 0))
            return items.indices.contains(position) ? items[position] : items.first ?? .empty
        case .findInMap(let map, let top, let second):
            return RenderedText(
                self.entry(map, top, second) ?? "slipwayMapped", isForeign: false)
        }
    }

    /// What stands for a parameter.
    func standing(for name: String) -> String { self.values[name] ?? Self.unknown }

    /// nil where there is none, or in a map that a value names.
    func entry(
        _ map: TemplateExpression, _ top: TemplateExpression, _ second: TemplateExpression
    ) -> String? {
        let rows = map.literal.flatMap { self.mappings[$0] }
        let row = rows.flatMap { self.chosen($0, top.literal) }
        return row.flatMap { self.chosen($0, second.literal) }
    }

    /// The entry of this key; of no key, the one whose turn it is.
    private func chosen<Value>(_ entries: [String: Value], _ key: String?) -> Value? {
        if let key { return entries[key] }
        guard self.choice > 0 else { return entries.min { $0.key < $1.key }?.value }
        let keys = entries.keys.sorted()
        return keys.isEmpty ? nil : entries[keys[min(self.choice, keys.count - 1)]]
    }

    private func texts(_ list: TemplateListExpression) -> [RenderedText] {
        switch list {
        case .items(let items): items.map(self.rendered)
        case .split(_, let source): [self.rendered(source)]
        }
    }

    // MARK: Choices

    /// In a document that chooses among more, the first stands for all.
    private static let choicesMax = 64

    /// How many times a document has to be looked at, until each entry that a value may choose
    /// has stood there.
    func choicesCount(in tree: TemplateTree) -> Int {
        let counts = tree.descendants.map { expression -> Int in
            switch expression.form {
            case .literal, .reference, .join, .substitution, .select(_, .split): 1
            case .select(let index, .items(let items)): index.literal == nil ? items.count : 1
            case .findInMap(let map, let top, let second):
                self.choicesCount(map.literal, top.literal, second.literal)
            }
        }
        let most = counts.max() ?? 1
        return most > Self.choicesMax ? 1 : max(1, most)
    }

    private func choicesCount(_ map: String?, _ top: String?, _ second: String?) -> Int {
        guard let rows = map.flatMap({ self.mappings[$0] }) else { return 1 }
        guard second == nil else { return top == nil ? rows.count : 1 }
        guard let top else { return max(rows.count, rows.values.map(\.count).max() ?? 1) }
        return rows[top]?.count ?? 1
    }

    /// Whether a fault comes of an entry that the author wrote out, and a value only chooses.
    func isOfChoice(_ finding: PolicyFinding, in tree: TemplateTree) -> Bool {
        guard case .text(let expression) = tree.inner(finding.place.tokens),
            !self.isSettled(expression), !self.hasFreeText(expression)
        else { return false }
        return expression.descendants.allSatisfy { inner in
            guard case .findInMap(let map, let top, let second) = inner.form else { return true }
            return self.entry(map, top, second) != nil
        }
    }

    /// Whether a value itself goes into the text, rather than only choosing it.
    private func hasFreeText(_ expression: TemplateExpression) -> Bool {
        switch expression.form {
        case .literal, .findInMap: false
        case .reference(let name): self.free.contains(name)
        case .substitution(let pieces): pieces.contains(where: self.hasFreeText)
        case .join(_, .items(let items)), .select(_, .items(let items)):
            items.contains(where: self.hasFreeText)
        case .join(_, .split), .select(_, .split): true
        }
    }

    // MARK: Guesses

    /// Whether a finding is about what stands in place of values and not about the document: others
    /// might not deserve it.
    func isGuess(_ finding: PolicyFinding, in tree: TemplateTree) -> Bool {
        switch tree.inner(finding.place.tokens) {
        case .literal: return false
        case .array, .object:
            // Of a whole, only its length comes from its values.
            return finding.rule == .tooLong && !tree.descendants.allSatisfy(self.isSettled)
        case .text(let expression):
            return !self.isSettled(expression)
                || self.isGuess(finding.rule, of: expression.references, first: expression.first)
        case .list(let list):
            let inner = list.descendants
            return !inner.allSatisfy(self.isSettled)
                || self.isGuess(
                    finding.rule, of: inner.flatMap(\.references), first: inner.first?.first)
        }
    }

    private func isGuess(
        _ rule: PolicyRule, of references: [String], first: TemplateExpression?
    ) -> Bool {
        if rule == .operandForm || rule == .repeatedSid {
            return references.contains { self.free.contains($0) }
        }
        guard rule == .resourceForm, case .reference(let name)? = first?.form else { return false }
        return self.free.contains(name)
    }

    /// Whether nothing is taken out of a list or a map by a value, or from where there is nothing.
    private func isSettled(_ expression: TemplateExpression) -> Bool {
        expression.descendants.allSatisfy { inner in
            switch inner.form {
            case .literal, .reference, .join, .substitution: true
            case .select(let index, .items(let items)):
                index.literal.flatMap { Int($0) }.map { items.indices.contains($0) } ?? false
            case .select(_, .split): inner.references.isEmpty
            case .findInMap(let map, let top, let second):
                self.cell(map, top, second) != nil
            }
        }
    }

    private func cell(
        _ map: TemplateExpression, _ top: TemplateExpression, _ second: TemplateExpression
    ) -> String? {
        guard let map = map.literal, let top = top.literal, let second = second.literal else {
            return nil
        }
        return self.mappings[map]?[top]?[second]
    }
}

extension TemplateExpression {
    /// What its text begins with.
    fileprivate var first: TemplateExpression? {
        switch self.form {
        case .literal, .reference, .select, .findInMap: self
        case .join(_, .items(let items)): items.first?.first
        case .join(_, .split(_, let source)): source.first
        case .substitution(let pieces): pieces.first?.first
        }
    }
}
