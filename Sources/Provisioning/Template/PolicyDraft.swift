import JSON
import Policies

/// A policy document of a template as far as it could be read: what is wrong with it as a policy is
/// told together with all that is wrong with the template.
struct PolicyDraft {
    /// As many values as a document of the largest size could have, each a digit and a comma.
    static let valuesMax = TemplateLimits.policyDocumentBytesMax / 2

    /// Where the template has it.
    let place: JSONPointer
    /// What is not understood is null here.
    var tree: TemplateTree
    /// Places within the document of which something is said already.
    var spoilt: Set<JSONPointer> = []
    var valuesCount = 0

    init(_ tree: TemplateTree, at place: JSONPointer) {
        self.tree = tree
        self.place = place
    }

    /// A place of the template as one of the document.
    func inner(_ pointer: JSONPointer) -> JSONPointer {
        let (inner, outer) = (pointer.tokens, self.place.tokens)
        return inner.starts(with: outer)
            ? JSONPointer(tokens: Array(inner.dropFirst(outer.count))) : pointer
    }

    /// Everything that keeps this from being a policy, whatever its parameters are.
    func findings(_ standIn: StandIn, in root: JSONValue) -> [TemplateFinding] {
        let text = JSONPrinter.print(standIn.value(of: self.tree))
        let faults = PolicyDocument.read(text).findings.filter { finding in
            !self.isSpoilt(finding.place) && !standIn.isGuess(finding, in: self.tree)
        }
        // Several strings of a document that is text have one place in the template.
        let choosing = Set(self.tree.texts.lazy.filter(standIn.choosesVariable).map(\.pointer))
        let said = Set(faults.map(\.place))
        let chosen = ResourceBeginning.findings(in: self, standIn).filter { found in
            !said.contains(found.place) && !choosing.contains(found.finding.pointer)
        }
        var findings = faults.map { TemplateFinding($0, ofDocumentAt: self.place, in: root) }
        findings += choosing.map {
            TemplateFinding(
                "a parameter stands inside a policy variable", at: $0,
                expected: "the variable's name written out")
        }
        // A set has no order, and what is told of one place keeps the one it is given here.
        findings += Set(chosen.map(\.finding)).sorted { $0.message < $1.message }
        return findings
    }

    /// Whether something is said of the place already, or of what holds it.
    private func isSpoilt(_ place: JSONPointer) -> Bool {
        !self.spoilt.isEmpty
            && (0...place.tokens.count).contains { count in
                self.spoilt.contains(JSONPointer(tokens: Array(place.tokens.prefix(count))))
            }
    }
}
