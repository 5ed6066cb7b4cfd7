package import Fleet

/// What an ARN's last part begins with, and so what kind of thing it names.
enum ResourceKind: String, Hashable, CaseIterable {
    case client, topic, topicFilter = "topicfilter", thing, roleAlias = "rolealias"

    /// The kind that an action is checked against; nil where that may be anything.
    init?(of action: PolicyAction) {
        switch action {
        case .connect, .deleteConnection, .getConnection, .listSubscriptions: self = .client
        case .publish, .retainPublish, .receive, .getRetainedMessage: self = .topic
        case .subscribe: self = .topicFilter
        case .getThingShadow, .updateThingShadow, .deleteThingShadow, .describeJobExecution,
            .getPendingJobExecutions, .updateJobExecution, .startNextPendingJobExecution:
            self = .thing
        case .assumeRoleWithCertificate: self = .roleAlias
        case .sendDirectMessage, .listRetainedMessages, .listNamedShadowsForThing: return nil
        }
    }
}

/// A resource of a statement, taken apart.
struct ResourceShape {
    let pattern: TextPattern
    /// Region and account where the pattern spells them out.
    let region: String?
    let account: String?
    /// The kinds of thing that it can name.
    let kinds: Set<ResourceKind>
    /// What follows `KIND/`; nil where the kind itself is open.
    let name: TextPattern?

    init(_ pattern: TextPattern) {
        self.pattern = pattern
        let parts = pattern.split(at: UInt8(ascii: ":"), partsMax: 6)
        guard parts.count == 6 else {
            self.region = nil
            self.account = nil
            // Cut short by a `*`, which may stand for anything that follows.
            self.kinds = Set(ResourceKind.allCases)
            self.name = nil
            return
        }
        self.region = parts[3].plainText
        self.account = parts[4].plainText
        let beginning = parts[5].plainBeginning
        if beginning.utf8.contains(UInt8(ascii: "/")) {
            let halves = parts[5].split(at: UInt8(ascii: "/"), partsMax: 2)
            self.kinds = Set([ResourceKind(rawValue: halves[0].literalText)].compactMap(\.self))
            self.name = halves[1]
        } else if parts[5].plainText == nil {
            self.kinds = Set(
                ResourceKind.allCases.filter { "\($0.rawValue)/".hasPrefix(beginning) })
            self.name = nil
        } else {
            self.kinds = []
            self.name = nil
        }
    }

    func fits(_ action: PolicyAction) -> Bool {
        guard let kind = ResourceKind(of: action) else { return true }
        return self.kinds.contains(kind)
    }

    /// Whether it names everything of whatever kind it has.
    var isOpen: Bool {
        self.name == nil ? !self.kinds.isEmpty : self.name?.text == "*" || self.nameIsRun
    }

    private var nameIsRun: Bool {
        guard let pieces = self.name?.pieces, pieces.count == 1, case .glob(let glob) = pieces[0]
        else { return false }
        return glob.units.allSatisfy { $0 == Glob.anyRun }
    }
}

extension TextPattern {
    /// What it says, where it has neither wildcards nor variables.
    var plainText: String? {
        guard !self.hasVariables else { return nil }
        var glob = Glob()
        for case .glob(let part) in self.pieces { glob.append(part) }
        return glob.literalText
    }

    /// What it says before its first wildcard or variable.
    fileprivate var plainBeginning: String {
        guard case .glob(let glob)? = self.pieces.first else { return "" }
        let bytes = glob.units.prefix { $0 < Glob.anyRun }.compactMap { UInt8(exactly: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension PolicyDocument {
    /// The region and account of the first resource that names both.
    package var realm: Realm? {
        for statement in self.statements {
            let patterns: [TextPattern]
            switch statement.resources {
            case .only(let only): patterns = only
            case .allExcept(let except): patterns = except
            }
            for shape in patterns.map({ ResourceShape($0) }) {
                guard let region = shape.region, let account = shape.account,
                    let realm = try? Realm(region: region, account: account)
                else { continue }
                return realm
            }
        }
        return nil
    }
}
