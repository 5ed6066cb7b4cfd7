package import JSON

/// A value of a template that becomes one text: a literal, a reference or an intrinsic function.
///
/// Expressions are a tree from the moment a template is read until its last value is rendered.
/// No parameter is ever pasted into text that is parsed afterwards, so a value full of quotes and
/// braces is only ever a value.
package struct TemplateExpression: Hashable, Sendable {
    package indirect enum Form: Hashable, Sendable {
        case literal(String)
        /// `{"Ref": NAME}`
        case reference(String)
        /// `{"Fn::Join": [SEPARATOR, LIST]}`
        case join(separator: String, TemplateListExpression)
        /// `{"Fn::Sub": TEXT}` or `{"Fn::Sub": [TEXT, {NAME: VALUE}]}`, cut into its pieces.
        case substitution([TemplateExpression])
        /// `{"Fn::Select": [INDEX, LIST]}`
        case select(index: TemplateExpression, TemplateListExpression)
        /// `{"Fn::FindInMap": [MAP, TOP, SECOND]}`
        case findInMap(map: TemplateExpression, top: TemplateExpression, second: TemplateExpression)
    }

    package let form: Form
    /// Where the template says so, for whoever has to mend it.
    package let pointer: JSONPointer
    /// How many expressions a rendering visits. A variable of `Fn::Sub` counts as often as it is
    /// used, so that nested doubling is seen before it is paid for.
    let weight: Int

    package init(_ form: Form, at pointer: JSONPointer) {
        self.form = form
        self.pointer = pointer
        let inner: [Int] =
            switch form {
            case .literal, .reference: []
            case .join(_, let list): [list.weight]
            case .substitution(let pieces): pieces.map(\.weight)
            case .select(let index, let list): [index.weight, list.weight]
            case .findInMap(let map, let top, let second):
                [map.weight, top.weight, second.weight]
            }
        self.weight = inner.saturatedSum(from: 1)
    }

    /// The text, where it is one already.
    package var literal: String? {
        if case .literal(let text) = self.form { text } else { nil }
    }

    /// Every expression in this one, itself first.
    package var descendants: [TemplateExpression] {
        switch self.form {
        case .literal, .reference: [self]
        case .join(_, let list): [self] + list.descendants
        case .substitution(let pieces): [self] + pieces.flatMap(\.descendants)
        case .select(let index, let list): [self] + index.descendants + list.descendants
        case .findInMap(let map, let top, let second):
            [self] + map.descendants + top.descendants + second.descendants
        }
    }

    /// Whether it takes something out of a list or a map by a value, so that one value says nothing
    /// of what another would make.
    var hangsOnValues: Bool {
        self.descendants.contains { expression in
            switch expression.form {
            case .select, .findInMap: !expression.references.isEmpty
            case .literal, .reference, .join, .substitution: false
            }
        }
    }

    /// The names it refers to, each once, in the order of their appearance.
    package var references: [String] {
        var seen = Set<String>()
        var names: [String] = []
        for case .reference(let name) in self.descendants.lazy.map(\.form)
        where seen.insert(name).inserted {
            names.append(name)
        }
        return names
    }
}

/// A value of a template that becomes a list of texts.
package indirect enum TemplateListExpression: Hashable, Sendable {
    case items([TemplateExpression])
    /// `{"Fn::Split": [SEPARATOR, VALUE]}`
    case split(separator: String, TemplateExpression)

    var weight: Int {
        switch self {
        case .items(let items): items.map(\.weight).saturatedSum(from: 0)
        case .split(_, let source): source.weight
        }
    }

    /// What it is made of.
    var roots: [TemplateExpression] {
        switch self {
        case .items(let items): items
        case .split(_, let source): [source]
        }
    }

    package var descendants: [TemplateExpression] {
        switch self {
        case .items(let items): items.flatMap(\.descendants)
        case .split(_, let source): source.descendants
        }
    }
}

/// A JSON tree whose string leaves may be expressions: what a policy document is in a template.
package indirect enum TemplateTree: Hashable, Sendable {
    /// Whatever needs no rendering.
    case literal(JSONValue)
    case text(TemplateExpression)
    case list(TemplateListExpression)
    case array([TemplateTree])
    case object([Member])

    package struct Member: Hashable, Sendable {
        package let key: String
        package let value: TemplateTree

        package init(key: String, value: TemplateTree) {
            self.key = key
            self.value = value
        }
    }

    /// What stands at a place inside; where the place is within a text, the text.
    func inner(_ tokens: [String]) -> TemplateTree {
        guard let token = tokens.first else { return self }
        let rest = Array(tokens.dropFirst())
        switch self {
        case .literal, .text, .list: return self
        case .array(let elements):
            guard let index = Int(token), elements.indices.contains(index) else { return self }
            return elements[index].inner(rest)
        case .object(let members):
            return members.first { $0.key == token }?.value.inner(rest) ?? self
        }
    }

    /// The strings that are made, each as a whole.
    var texts: [TemplateExpression] {
        switch self {
        case .literal, .list: []
        case .text(let expression): [expression]
        case .array(let elements): elements.flatMap(\.texts)
        case .object(let members): members.flatMap(\.value.texts)
        }
    }

    package var descendants: [TemplateExpression] {
        switch self {
        case .literal: []
        case .text(let expression): expression.descendants
        case .list(let list): list.descendants
        case .array(let elements): elements.flatMap(\.descendants)
        case .object(let members): members.flatMap(\.value.descendants)
        }
    }
}

extension [Int] {
    fileprivate func saturatedSum(from start: Int) -> Int {
        self.reduce(start) { sum, next in
            let (total, overflow) = sum.addingReportingOverflow(next)
            return overflow ? .max : total
        }
    }
}
