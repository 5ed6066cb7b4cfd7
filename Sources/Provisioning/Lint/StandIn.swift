import Fleet
import JSON

/// A policy document with words in place of its parameters: what it says, whatever they are.
struct StandIn {
    private let document: TemplateDocument
    private let realm: Realm
    /// The words of the parameters that are in the thing's name.
    private let namingWords: [String]

    init(document: TemplateDocument, realm: Realm) {
        self.document = document
        self.realm = realm
        self.namingWords = document.thing.name.references.map { Self.word($0, in: document) }
    }

    /// Letters and digits only, as a parameter must not bring wildcards.
    private static func word(_ name: String, in document: TemplateDocument) -> String {
        let index = document.parameters.firstIndex { $0.name == name } ?? -1
        return name == PseudoParameter.certificateID.rawValue
            ? String(repeating: "0", count: 64) : "slipwayParameter\(index)x"
    }

    /// Whether a policy variable or the thing's own parameter narrows it.
    func isOfOneThing(_ name: String) -> Bool {
        name.contains("${iot:") || self.namingWords.contains { name.contains($0) }
    }

    /// With the parameters' names again.
    func readable(_ text: String) -> String {
        var text = text
        for parameter in self.document.parameters {
            let word = Self.word(parameter.name, in: self.document)
            text = text.split(separator: word, omittingEmptySubsequences: false)
                .joined(separator: "{\(parameter.name)}")
        }
        return text
    }

    func value(of tree: TemplateTree) -> JSONValue {
        switch tree {
        case .literal(let value): value
        case .text(let expression): .string(self.text(expression))
        case .list(let list): .array(self.texts(list).map { .string($0) })
        case .array(let elements): .array(elements.map(self.value))
        case .object(let members):
            .object(JSONObject(members.map { ($0.key, self.value(of: $0.value)) }))
        }
    }

    private func text(_ expression: TemplateExpression) -> String {
        switch expression.form {
        case .literal(let text): return text
        case .reference(PseudoParameter.region.rawValue): return self.realm.region
        case .reference(PseudoParameter.accountID.rawValue): return self.realm.account
        case .reference(let name): return Self.word(name, in: self.document)
        case .join(let separator, let list):
            return self.texts(list).joined(separator: separator)
        case .substitution(let pieces): return pieces.map(self.text).joined()
        case .select(let index, let list):
            let items = self.texts(list)
            let position = index.literal.flatMap(Int.init) ?? 0
            return items.indices.contains(position) ? items[position] : items.first ?? ""
        case .findInMap(let map, let top, let second):
            let rows = self.document.mappings[map.literal ?? ""] ?? [:]
            let row = top.literal.flatMap { rows[$0] } ?? rows.min { $0.key < $1.key }?.value
            return second.literal.flatMap { row?[$0] } ?? "slipwayMapped"
        }
    }

    private func texts(_ list: TemplateListExpression) -> [String] {
        switch list {
        case .items(let items): items.map(self.text)
        case .split(_, let source): [self.text(source)]
        }
    }
}
