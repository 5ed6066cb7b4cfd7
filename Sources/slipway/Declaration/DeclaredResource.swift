import Fleet
import JSON

/// One thing of the fleet as a file declares it, or as a service has it.
struct DeclaredResource: Sendable {
    let kind: DeclaredKind
    let name: String
    /// What it is to be, in the members that its kind knows; what has no value is left out.
    let state: JSONObject
    /// Where it was read: a file, with the line where a file holds many.
    let origin: String
}

/// A request that brings a resource closer to what is declared.
struct DeclaredStep: Sendable {
    /// Where a name stands that only the service can make an ARN of, which may not be there
    /// before an earlier step.
    enum Target: Sendable {
        case body(String, String)
        case header(String, String)
    }

    var call: ControlCall
    var target: Target?
    /// A file that is sent in place of a body.
    var file: String?

    init(_ call: ControlCall, target: Target? = nil, file: String? = nil) {
        self.call = call
        self.target = target
        self.file = file
    }

    func run(_ access: ControlAccess) async throws(FleetError) {
        if let file = self.file { return try await self.send(file, access) }
        var call = self.call
        switch self.target {
        case nil: break
        case .body(let member, let name)?:
            var body = call.body.objectValue ?? [:]
            body[member] = .string(try await access.target(name))
            call.body = .object(body)
        case .header(let header, let name)?: call.headers[header] = try await access.target(name)
        }
        _ = try await access.perform(call)
    }

    /// A file with a bad line changes nothing, and is told of line by line.
    private func send(_ file: String, _ access: ControlAccess) async throws(FleetError) {
        let answer = try await access.perform(
            self.call.operation, path: self.call.path, query: self.call.query,
            stream: try FileChunks(path: file))
        guard answer["imported"]?.boolValue == false else { return }
        let first = answer["badLines"]?.arrayValue?.first
        throw FleetError(
            .invalidRequest,
            "nothing was imported: line \(first?["line"]?.intValue ?? 0) "
                + (first?["message"]?.stringValue ?? "is wrong"))
    }
}

/// What a service has under a name.
struct CurrentResource: Sendable {
    let state: JSONObject
    /// What tags are asked for by; nil for what has none.
    let arn: String?

    /// - Parameter state: a null is no value, as in a file.
    init(state: JSONObject, arn: String? = nil) {
        self.state = JSONObject(
            state.members.filter { $0.value != .null }.map { ($0.key, $0.value) })
        self.arn = arn
    }
}

/// A resource that another one needs.
struct DeclaredReference: Hashable, Sendable {
    let kind: DeclaredKind
    let name: String
}

/// What can be declared, in the order in which it is applied: what is referred to comes first.
enum DeclaredKind: String, CaseIterable, Sendable {
    case role, hook, provider, policy, type, billingGroup, group, template, authority, certificate
    case allowlist, claim, thing, setting

    /// How declarations of a kind are written.
    enum Form: Sendable {
        /// A file of JSON for each, in a folder.
        case documents
        /// A line of JSON for each, in one file, since there are many.
        case lines
        /// A file of lines for each, as 'slipway allowlist import' takes it, in a folder.
        case tables
    }

    var form: Form {
        switch self {
        case .certificate, .thing: .lines
        case .allowlist: .tables
        case _: .documents
        }
    }

    /// The folder of its files, or the file that holds one a line.
    var place: String {
        switch self {
        case .role: "roles"
        case .hook: "hooks"
        case .provider: "certificate-providers"
        case .policy: "policies"
        case .type: "types"
        case .billingGroup: "billing-groups"
        case .group: "groups"
        case .template: "templates"
        case .authority: "authorities"
        case .certificate: "certificates.jsonl"
        case .allowlist: "allowlists"
        case .claim: "claims"
        case .thing: "things.jsonl"
        case .setting: "settings"
        }
    }

    /// Whether AWS IoT has it too. What a provider names is a function there and a webhook here:
    /// it can be applied once there is a hook of that function's name.
    var isAWS: Bool { ![.role, .hook, .allowlist, .claim].contains(self) }

    var behaviour: any DeclaredBehaviour {
        switch self {
        case .role: RoleDeclaration()
        case .hook: HookDeclaration()
        case .provider: ProviderDeclaration()
        case .policy: PolicyDeclaration()
        case .type: TypeDeclaration()
        case .billingGroup: BillingGroupDeclaration()
        case .group: GroupDeclaration()
        case .template: TemplateDeclaration()
        case .authority: AuthorityDeclaration()
        case .certificate: CertificateDeclaration()
        case .allowlist: AllowlistDeclaration()
        case .claim: ClaimDeclaration()
        case .thing: ThingDeclaration()
        case .setting: SettingDeclaration()
        }
    }
}

/// How a kind is read from a service, and how a service is brought to what is declared.
protocol DeclaredBehaviour: Sendable {
    /// The members a declaration may have.
    var members: [String] { get }
    /// Members that are needed to make it and tell nothing afterwards.
    var making: [String] { get }
    /// Members that stay as they are where a declaration does not have them; an empty list is one.
    var left: [String] { get }
    /// Lists whose order means something.
    var ordered: [String] { get }

    /// Hands over every name that `access` has.
    func forEachName(
        _ access: ControlAccess, _ take: (String) async throws(FleetError) -> Void
    ) async throws(FleetError)

    /// nil where `access` has none of that name, or where it is not to be declared.
    func current(
        _ name: String, _ access: ControlAccess
    ) async throws(FleetError) -> CurrentResource?

    func references(_ state: JSONObject) -> [DeclaredReference]

    /// What comes with it and has no declaration of its own.
    func brought(_ state: JSONObject) -> [DeclaredReference]

    /// Judges what is to be new as the service will, so that a plan does not promise what would be
    /// refused.
    func check(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) throws(FleetError)

    /// - Throws: `FleetError` where there is no way from here to there.
    func steps(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) throws(FleetError) -> [DeclaredStep]
}

extension DeclaredBehaviour {
    var making: [String] { [] }
    var left: [String] { [] }
    var ordered: [String] { [] }

    func references(_ state: JSONObject) -> [DeclaredReference] { [] }
    func brought(_ state: JSONObject) -> [DeclaredReference] { [] }

    func check(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) throws(FleetError) {}

    /// The names of the members in which `wanted` differs from what there is.
    func differences(_ current: CurrentResource?, _ wanted: JSONObject) -> [String] {
        self.members.filter { member in
            !self.making.contains(member) && current?.state[member] != wanted[member]
                && (wanted[member] != nil || !self.left.contains(member))
        }
    }

    /// What `call` answers; nil where the service has no such resource.
    func found(
        _ call: ControlCall, _ access: ControlAccess
    ) async throws(FleetError) -> JSONValue? {
        do throws(FleetError) {
            return try await access.perform(call)
        } catch  where error.code == .notFound { return nil }
    }

    func forEach(
        _ listing: Listing, _ member: String, _ access: ControlAccess,
        _ take: (String) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        try await listing.forEach(access) { item throws(FleetError) in
            if let name = item.member(at: member)?.stringValue { try await take(name) }
        }
    }

    /// The tags of a resource by name; nil where it has none, or the service knows none.
    func tags(_ arn: String?, _ access: ControlAccess) async throws(FleetError) -> JSONValue? {
        guard let arn else { return nil }
        var tags: [(String, JSONValue)] = []
        let listing = Listing(
            ControlCall("ListTagsForResource", query: ["resourceArn": arn]), "tags", .whole, [])
        do throws(FleetError) {
            try await listing.forEach(access) { tag throws(FleetError) in
                if let key = tag["Key"]?.stringValue {
                    tags.append((key, tag["Value"] ?? .string("")))
                }
            }
        } catch  where error.isOfUnknownOperation {
            return nil
        }
        guard !tags.isEmpty else { return .none }
        return .object(JSONObject(tags.sorted { $0.0 < $1.0 }))
    }

    /// Tags as a request that makes something has them.
    func making(tags wanted: JSONObject) -> JSONValue? {
        guard let tags = wanted["tags"]?.objectValue, !tags.isEmpty else { return .none }
        return .array(tags.members.map { ["Key": .string($0.key), "Value": $0.value] })
    }

    /// The requests that change tags.
    func tagSteps(_ current: CurrentResource, _ wanted: JSONObject) -> [DeclaredStep] {
        guard let arn = current.arn, current.state["tags"] != wanted["tags"] else { return [] }
        let new = wanted["tags"]?.objectValue ?? [:]
        let gone = (current.state["tags"]?.objectValue ?? [:]).keys.filter { new[$0] == nil }
        var steps: [DeclaredStep] = []
        if !gone.isEmpty {
            steps.append(
                DeclaredStep(
                    ControlCall(
                        "UntagResource",
                        body: [
                            "resourceArn": .string(arn),
                            "tagKeys": .array(gone.map { .string($0) }),
                        ])))
        }
        if let tags = self.making(tags: wanted) {
            steps.append(
                DeclaredStep(
                    ControlCall("TagResource", body: ["resourceArn": .string(arn), "tags": tags])))
        }
        return steps
    }

    /// A certificate's or group's policies, in order; nil where there are none.
    func policies(
        _ arn: String, _ access: ControlAccess
    ) async throws(FleetError) -> JSONValue? {
        var names: [String] = []
        try await self.forEach(.attachedPolicies(arn), "policyName", access) { names.append($0) }
        return .sorted(names)
    }

    /// The requests that attach and detach policies of the certificate or group `name`.
    func policySteps(
        _ name: String, _ current: CurrentResource?, _ wanted: JSONObject
    ) -> [DeclaredStep] {
        let change = SetChange(current?.state["policies"], wanted["policies"])
        func step(_ operation: String, _ policy: String) -> DeclaredStep {
            DeclaredStep(
                ControlCall(operation, path: ["policyName": policy]),
                target: .body("target", name))
        }
        return change.added.map { step("AttachPolicy", $0) }
            + change.removed.map { step("DetachPolicy", $0) }
    }

    func policyReferences(_ state: JSONObject) -> [DeclaredReference] {
        state["policies"].names.map { DeclaredReference(kind: .policy, name: $0) }
    }
}

/// How one set of names becomes another.
struct SetChange {
    let added: [String]
    let removed: [String]

    init(_ current: JSONValue?, _ wanted: JSONValue?) {
        let (old, new) = (Set(current.names), Set(wanted.names))
        self.added = new.subtracting(old).sorted()
        self.removed = old.subtracting(new).sorted()
    }
}

extension JSONValue? {
    /// The texts of an array.
    var names: [String] { (self?.arrayValue ?? []).compactMap(\.stringValue) }
}

extension JSONValue {
    /// An array of names; nil for none.
    static func sorted(_ names: [String]) -> JSONValue? {
        names.isEmpty ? .none : .some(.array(Set(names).sorted().map { .string($0) }))
    }

    /// A text that holds JSON, as the document it is; the text itself where it is none.
    static func document(_ text: String?) -> JSONValue? {
        text.map { text in
            (try? JSONParser.parse(Array(text.utf8))) ?? .string(text)
        }
    }

    /// The text that a document is sent as.
    var documentText: String { self.stringValue ?? JSONPrinter.print(self) }

    /// nil for a text, array or object with nothing in it.
    var present: JSONValue? {
        switch self {
        case .null: .none
        case .string(let text): text.isEmpty ? .none : .some(self)
        case .array(let elements): elements.isEmpty ? .none : .some(self)
        case .object(let object): object.isEmpty ? .none : .some(self)
        case .bool, .number: .some(self)
        }
    }
}

extension FleetError {
    /// What a service answers to an operation that it has not, in this one's words or others'.
    var isOfUnknownOperation: Bool {
        self.code == .unsupportedOperation || self.code == .unknownOperation
    }
}
