import Fleet
import JSON

/// The policy document of a template: an object, or its text.
extension TemplateParser {
    /// Where a parameter may stand in a policy statement. It may not choose whether a statement
    /// allows or denies, nor which action: a device that could is its own administrator.
    private static let renderedElements: Set<String> = [
        "Sid", "Resource", "NotResource", "Condition",
    ]

    mutating func policyDocument(
        _ value: JSONValue, at place: JSONPointer
    ) -> TemplateTree? {
        switch value {
        case .string(let text):
            return self.document(text: text, at: place).map { .literal($0) }
        case .object(let object):
            if object.count == 1, let sub = object["Fn::Sub"] {
                return self.substitutedDocument(sub, at: place.appending("Fn::Sub"))
            }
            guard !ExpressionParser.isFunction(object) else {
                self.report(
                    "a policy document made by this function would be text that is parsed after "
                        + "parameters went in; write the document as an object with functions in "
                        + "its strings", at: place)
                return nil
            }
            let tree = self.tree(value, at: place) { parser, value, place in
                parser.leaf(value, at: place)
            }
            if let tree { self.checkPlaces(tree, at: place) }
            return tree
        case .null, .bool, .number, .array:
            self.report(
                "expected a policy document as an object or as text, found \(value.kindName)",
                at: place)
            return nil
        }
    }

    /// `{"Fn::Sub": "…policy text…"}`: the text is parsed while it is still the author's own, and
    /// the substitution then happens in each of its strings.
    private mutating func substitutedDocument(
        _ value: JSONValue, at place: JSONPointer
    ) -> TemplateTree? {
        guard
            let (text, variables) = self.expressions.substitutionArguments(value, at: place),
            let document = self.document(text: text, at: place)
        else { return nil }
        let tree = self.tree(document, at: place) { parser, value, _ in
            guard case .string(let text) = value else { return .literal(value) }
            return parser.expressions.pieces(of: text, variables: variables, at: place).map {
                .text(TemplateExpression(.substitution($0), at: place))
            }
        }
        if let tree { self.checkPlaces(tree, at: place) }
        return tree
    }

    private mutating func document(text: String, at place: JSONPointer) -> JSONValue? {
        do {
            let document = try JSONParser.parse(text)
            if case .object = document { return document }
            self.report("the text is \(document.kindName) and no policy document", at: place)
        } catch {
            self.report("the text is no JSON: \(error)", at: place)
        }
        return nil
    }

    private mutating func tree(
        _ value: JSONValue, at place: JSONPointer,
        leaf: (inout TemplateParser, JSONValue, JSONPointer) -> TemplateTree?
    ) -> TemplateTree? {
        switch value {
        case .null, .bool, .number, .string: return leaf(&self, value, place)
        case .array(let elements):
            var trees: [TemplateTree] = []
            for (index, element) in elements.enumerated() {
                guard let tree = self.tree(element, at: place.appending(index), leaf: leaf)
                else { return nil }
                trees.append(tree)
            }
            return .array(trees)
        case .object(let object):
            if ExpressionParser.isFunction(object) { return leaf(&self, value, place) }
            var members: [TemplateTree.Member] = []
            for (key, value) in object.members {
                guard let tree = self.tree(value, at: place.appending(key), leaf: leaf) else {
                    return nil
                }
                members.append(TemplateTree.Member(key: key, value: tree))
            }
            return .object(members)
        }
    }

    /// A plain string stays as it is, policy variables and all; only a function renders.
    private mutating func leaf(_ value: JSONValue, at place: JSONPointer) -> TemplateTree? {
        guard case .object(let object) = value else { return .literal(value) }
        if object.count == 1, object["Fn::Split"] != nil {
            return self.expressions.list(value, at: place).map { .list($0) }
        }
        return self.expressions.text(value, at: place).map { .text($0) }
    }

    private mutating func checkPlaces(_ tree: TemplateTree, at place: JSONPointer) {
        guard case .object(let members) = tree else { return }
        for member in members {
            let inside = place.appending(member.key)
            guard member.key == "Statement" else {
                self.forbidReferences(in: member.value, at: inside)
                continue
            }
            switch member.value {
            case .array(let statements):
                for (index, statement) in statements.enumerated() {
                    self.checkStatement(statement, at: inside.appending(index))
                }
            case .object: self.checkStatement(member.value, at: inside)
            case .literal, .text, .list: self.forbidReferences(in: member.value, at: inside)
            }
        }
    }

    private mutating func checkStatement(_ statement: TemplateTree, at place: JSONPointer) {
        guard case .object(let members) = statement else {
            self.forbidReferences(in: statement, at: place)
            return
        }
        for member in members where !Self.renderedElements.contains(member.key) {
            self.forbidReferences(in: member.value, at: place.appending(member.key))
        }
    }

    private mutating func forbidReferences(in tree: TemplateTree, at place: JSONPointer) {
        let references = tree.descendants.flatMap(\.references).filter {
            PseudoParameter(rawValue: $0) == nil
        }
        guard let name = references.first else { return }
        self.report(
            "parameter '\(name.clipped)' may stand in Resource, NotResource, Condition and Sid of "
                + "a policy only", at: place)
    }
}
