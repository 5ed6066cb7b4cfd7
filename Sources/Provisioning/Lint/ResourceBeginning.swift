import Fleet
import JSON

/// How a resource of a policy begins: with the author's words, or with a value that a device sends.
///
/// A device that could send the whole resource would choose its own rights. So the beginning, up to
/// the kind (`arn:aws:iot:REGION:ACCOUNT:topic/`), is the template's. A default is no beginning: a
/// device may send something else.
struct ResourceBeginning {
    /// More of a text says nothing new: no account's ARN comes to its kind that late.
    private static let charactersMax = 256

    /// The author's, up to the first value.
    private var text = ""
    /// The parameter that follows it; nil where there is none.
    private(set) var value: String?
    /// Whether a lookup that never succeeds stands there, so that there is no such policy.
    private var isNever = false

    /// Whether what follows cannot choose any more what the resource is of.
    private var isSettled: Bool {
        if self.isNever { return true }
        let parts = self.text.split(
            separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        return parts.count == 6 && parts[5].contains("/")
    }

    /// The parameter by which a device would choose the resource.
    private var chooser: String? { self.isSettled ? nil : self.value }

    private init(text: String = "", value: String? = nil) {
        self.text = String(text.prefix(Self.charactersMax))
        self.value = value
    }

    // MARK: Reading

    private init(_ expression: TemplateExpression, _ standIn: StandIn) {
        switch expression.form {
        case .literal(let text): self.init(text: text)
        case .reference(let name):
            if Self.isSent(name) {
                self.init(value: name)
            } else {
                self.init(text: standIn.standing(for: name))
            }
        case .substitution(let pieces): self.init(joining: pieces, by: "", standIn)
        case .join(let separator, .items(let items)):
            self.init(joining: items, by: separator, standIn)
        case .join(let separator, .split(let cut, let source)):
            let whole = Self(source, standIn)
            // What follows might complete a separator that has begun.
            let begun = whole.value == nil ? 0 : max(cut.count - 1, 0)
            let sure = String(whole.text.dropLast(begun))
            self.init(text: sure.replacing(cut, with: separator), value: whole.value)
            self.isNever = whole.isNever
        case .select(let index, .items(let items)):
            let last = max(items.count - 1, 0)
            let position = index.literal.map { Int($0) ?? -1 } ?? min(standIn.choice, last)
            if items.indices.contains(position) {
                self.init(items[position], standIn)
            } else {
                self.init()
                self.isNever = true
            }
        case .select(let index, .split(let cut, let source)):
            self.init(index.literal.flatMap { Int($0) }, ofParts: Self(source, standIn), cut)
        case .findInMap(let map, let top, let second):
            let entry = standIn.entry(map, top, second)
            self.init(text: entry ?? "")
            self.isNever = entry == nil && map.literal != nil
        }
    }

    private init(joining items: [TemplateExpression], by separator: String, _ standIn: StandIn) {
        self.init()
        for (index, item) in items.enumerated() {
            let next = Self(item, standIn)
            let text = self.text + (index > 0 ? separator : "") + next.text
            self.text = String(text.prefix(Self.charactersMax))
            self.isNever = self.isNever || next.isNever
            self.value = next.value
            guard self.value == nil else { return }
            if self.text.count == Self.charactersMax {
                self.value = items.lazy.compactMap(\.sent).first
                return
            }
        }
    }

    /// - Parameter index: nil where a value says which part.
    private init(_ index: Int?, ofParts whole: Self, _ cut: String) {
        let parts = whole.text.split(separator: cut, omittingEmptySubsequences: false)
        switch index {
        case let index? where index >= 0 && index < parts.count - 1:
            self.init(text: String(parts[index]))
        case let index? where index == parts.count - 1:
            self.init(text: String(parts[index]), value: whole.value)
        default: self.init(value: whole.value)
        }
        self.isNever = whole.isNever
    }
}

// MARK: Findings

extension ResourceBeginning {
    typealias Found = (place: JSONPointer, finding: TemplateFinding)

    /// Resources of a document that a device would choose, each with its place in the document.
    static func findings(in draft: PolicyDraft, _ standIn: StandIn) -> [Found] {
        guard case .object(let members) = draft.tree else { return [] }
        var found: [Found] = []
        for member in members where member.key == "Statement" {
            let place = JSONPointer.root.appending(member.key)
            guard case .array(let statements) = member.value else {
                Self.look(at: member.value, place, draft, standIn, &found)
                continue
            }
            for (index, statement) in statements.enumerated() {
                Self.look(at: statement, place.appending(index), draft, standIn, &found)
            }
        }
        return found
    }

    private static func look(
        at statement: TemplateTree, _ place: JSONPointer, _ draft: PolicyDraft,
        _ standIn: StandIn, _ found: inout [Found]
    ) {
        guard case .object(let members) = statement else { return }
        for member in members where member.key == "Resource" || member.key == "NotResource" {
            let place = place.appending(member.key)
            guard case .array(let elements) = member.value else {
                Self.look(atResource: member.value, place, draft, standIn, &found)
                continue
            }
            for (index, element) in elements.enumerated() {
                Self.look(atResource: element, place.appending(index), draft, standIn, &found)
            }
        }
    }

    private static func look(
        atResource tree: TemplateTree, _ place: JSONPointer, _ draft: PolicyDraft,
        _ standIn: StandIn, _ found: inout [Found]
    ) {
        guard let chooser = Self.chooser(of: tree, standIn) else { return }
        var outer = JSONPointer(tokens: draft.place.tokens + place.tokens)
        // Of a document that is text, the template has one place for all.
        if case .text(let expression) = tree { outer = expression.pointer }
        let finding = TemplateFinding(
            "a device would choose the resource by its '\(chooser.clipped)': the beginning is the "
                + "template's, up to the kind and its '/'", at: outer,
            expected: "a text of the template's own before the first parameter, such as "
                + "arn:aws:iot:${AWS::Region}:${AWS::AccountId}:topic/")
        found.append((place, finding))
    }

    /// The parameter by which a device would choose what stands there, whichever entry of a map or
    /// list another value takes.
    private static func chooser(of tree: TemplateTree, _ standIn: StandIn) -> String? {
        switch tree {
        case .literal, .array, .object, .list(.items): return nil
        // Each part is a resource, and a value that holds the separator begins one.
        case .list(.split(_, let source)): return source.sent
        case .text(let expression):
            guard expression.sent != nil else { return nil }
            var standIn = standIn
            for choice in 0..<standIn.choicesCount(in: tree) {
                standIn.choice = choice
                if let chooser = Self(expression, standIn).chooser { return chooser }
            }
            return nil
        }
    }

    /// Whether a device may send it.
    fileprivate static func isSent(_ name: String) -> Bool {
        PseudoParameter(rawValue: name) == nil
    }
}

extension TemplateExpression {
    /// The first parameter whose own text goes into this one, rather than only choosing it.
    fileprivate var sent: String? { self.firstText(where: ResourceBeginning.isSent) }

    /// Whether the text of one of these goes into this one, rather than only choosing it.
    func holdsText(of names: Set<String>) -> Bool {
        self.firstText(where: names.contains) != nil
    }

    private func firstText(where isWanted: (String) -> Bool) -> String? {
        switch self.form {
        case .literal, .findInMap: return nil
        case .reference(let name): return isWanted(name) ? name : nil
        case .substitution(let items), .join(_, .items(let items)), .select(_, .items(let items)):
            for item in items {
                if let name = item.firstText(where: isWanted) { return name }
            }
            return nil
        case .join(_, .split(_, let source)), .select(_, .split(_, let source)):
            return source.firstText(where: isWanted)
        }
    }
}
