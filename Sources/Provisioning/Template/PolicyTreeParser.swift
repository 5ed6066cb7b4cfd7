import Fleet
import JSON
import Policies

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
            guard let document = self.document(text: text, at: place) else { return nil }
            return self.drafted(PolicyDraft(.literal(document), at: place), at: place)
        case .object(let object):
            if object.count == 1, let sub = object["Fn::Sub"] {
                return self.substitutedDocument(sub, at: place)
            }
            guard !ExpressionParser.isFunction(object) else {
                self.report(
                    "a policy document made by this function would be text that is parsed after "
                        + "parameters went in; write the document as an object with functions in "
                        + "its strings", at: place)
                return nil
            }
            var draft = PolicyDraft(.literal(.null), at: place)
            let tree = self.tree(value, at: place, of: &draft) { parser, value, place in
                parser.leaf(value, at: place)
            }
            draft.tree = tree
            return self.drafted(draft, at: place)
        case .null, .bool, .number, .array:
            self.report(
                "expected a policy document as an object or as text, found \(value.kindName)",
                at: place)
            return nil
        }
    }

    /// Keeps the draft, for what is wrong with the policy that it is.
    /// - Parameter inside: where the document itself stands.
    /// - Returns: the tree, where nothing is wrong with it as a part of the template.
    private mutating func drafted(
        _ draft: PolicyDraft, at inside: JSONPointer
    ) -> TemplateTree? {
        guard draft.valuesCount <= PolicyDraft.valuesMax else {
            self.report(
                "the policy has more than \(PolicyDraft.valuesMax) values; a document has at most "
                    + "\(TemplateLimits.policyDocumentBytesMax) bytes", at: draft.place)
            return nil
        }
        var checked = draft
        self.checkPlaces(of: &checked, at: inside)
        // More of them are refused by their number.
        if self.drafts.count <= Limits.policiesPerCertificateMax { self.drafts.append(checked) }
        return draft.spoilt.isEmpty ? draft.tree : nil
    }

    /// `{"Fn::Sub": "…policy text…"}`: the text is parsed while it is still the author's own, and
    /// the substitution then happens in each of its strings.
    private mutating func substitutedDocument(
        _ value: JSONValue, at whole: JSONPointer
    ) -> TemplateTree? {
        let place = whole.appending("Fn::Sub")
        guard
            let (text, variables) = self.expressions.substitutionArguments(value, at: place),
            let document = self.document(text: text, at: place)
        else { return nil }
        var draft = PolicyDraft(.literal(.null), at: whole)
        let tree = self.tree(document, at: .root, of: &draft) { parser, value, _ in
            guard case .string(let text) = value else { return .literal(value) }
            return parser.expressions.pieces(of: text, variables: variables, at: place).map {
                .text(TemplateExpression(.substitution($0), at: place))
            }
        }
        draft.tree = tree
        return self.drafted(draft, at: place)
    }

    private mutating func document(text: String, at place: JSONPointer) -> JSONValue? {
        do {
            let document = try JSONParser.parse(
                text,
                limits: JSONLimits(
                    bytesMax: PolicyLimits.documentBytesMax,
                    depthMax: PolicyLimits.documentDepthMax))
            if case .object = document { return document }
            self.report("the text is \(document.kindName) and no policy document", at: place)
        } catch {
            self.report("the text is no JSON: \(error)", at: place)
        }
        return nil
    }

    /// Goes on behind what is not understood, so that the rest can be judged all the same.
    private mutating func tree(
        _ value: JSONValue, at place: JSONPointer, of draft: inout PolicyDraft,
        leaf: (inout TemplateParser, JSONValue, JSONPointer) -> TemplateTree?
    ) -> TemplateTree {
        draft.valuesCount += 1
        guard draft.valuesCount <= PolicyDraft.valuesMax else { return .literal(.null) }
        switch value {
        case .array(let elements):
            var trees: [TemplateTree] = []
            for (index, element) in elements.enumerated() {
                trees.append(
                    self.tree(element, at: place.appending(index), of: &draft, leaf: leaf))
            }
            return .array(trees)
        case .object(let object) where !ExpressionParser.isFunction(object):
            var members: [TemplateTree.Member] = []
            for (key, value) in object.members {
                members.append(
                    TemplateTree.Member(
                        key: key,
                        value: self.tree(
                            value, at: place.appending(key), of: &draft, leaf: leaf)))
            }
            return .object(members)
        case .null, .bool, .number, .string, .object:
            if let tree = leaf(&self, value, place) { return tree }
            draft.spoilt.insert(draft.inner(place))
            return .literal(.null)
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

    private mutating func checkPlaces(of draft: inout PolicyDraft, at inside: JSONPointer) {
        guard case .object(let members) = draft.tree else { return }
        for member in members {
            let place = JSONPointer.root.appending(member.key)
            guard member.key == "Statement" else {
                self.forbidReferences(in: member.value, at: place, of: &draft, inside)
                continue
            }
            switch member.value {
            case .array(let statements):
                for (index, statement) in statements.enumerated() {
                    self.checkStatement(statement, at: place.appending(index), of: &draft, inside)
                }
            case .object: self.checkStatement(member.value, at: place, of: &draft, inside)
            case .literal, .text, .list:
                self.forbidReferences(in: member.value, at: place, of: &draft, inside)
            }
        }
    }

    private mutating func checkStatement(
        _ statement: TemplateTree, at place: JSONPointer, of draft: inout PolicyDraft,
        _ inside: JSONPointer
    ) {
        guard case .object(let members) = statement else {
            self.forbidReferences(in: statement, at: place, of: &draft, inside)
            return
        }
        for member in members where !Self.renderedElements.contains(member.key) {
            self.forbidReferences(
                in: member.value, at: place.appending(member.key), of: &draft, inside)
        }
    }

    /// - Parameter place: in the document.
    private mutating func forbidReferences(
        in tree: TemplateTree, at place: JSONPointer, of draft: inout PolicyDraft,
        _ inside: JSONPointer
    ) {
        let references = tree.descendants.flatMap(\.references).filter {
            PseudoParameter(rawValue: $0) == nil
        }
        guard let name = references.first else { return }
        draft.spoilt.insert(place)
        self.report(
            "parameter '\(name.clipped)' may stand in Resource, NotResource, Condition and Sid of "
                + "a policy only", at: JSONPointer(tokens: inside.tokens + place.tokens))
    }
}
