package import Fleet

/// What may be asked of policies in words: `publish devices/pump-1/up`, or the name of any action
/// with a resource.
package struct PolicyQuestion: Hashable, Sendable {
    package let request: AuthorizationRequest
    /// As it was asked.
    package let words: String

    /// The words for what a device does, and the kind of resource that each is about.
    private static let verbs: [(word: String, action: PolicyAction)] = [
        ("connect", .connect), ("publish", .publish), ("retain-publish", .retainPublish),
        ("subscribe", .subscribe), ("receive", .receive),
    ]
    package static var verbNames: [String] { self.verbs.map(\.word) }

    /// - Parameters:
    ///   - action: one of `verbNames`, or a name such as `iot:GetThingShadow`.
    ///   - resource: what the verb is about, or a whole ARN.
    /// - Throws: `FleetError.invalidRequest` for an action that is none.
    package init(_ action: String, _ resource: String, in realm: Realm) throws(FleetError) {
        self.words = "\(action) \(resource)"
        let isARN = resource.hasPrefix("arn:")
        guard let verb = Self.verbs.first(where: { $0.word == action.lowercased() }) else {
            guard action.contains(":"), !action.contains("*"), isARN || resource == "*" else {
                let nearest = NearestName.of(action, among: Self.verbNames)
                    .map { "; did you mean '\($0)'?" }
                throw FleetError(
                    .invalidRequest,
                    "'\(action.clipped) \(resource.clipped)' is no question: one of "
                        + "\(Self.verbNames.joined(separator: ", ")) with a name, or an action "
                        + "such as iot:GetThingShadow with an ARN" + (nearest ?? ""))
            }
            self.request = AuthorizationRequest(
                operation: action, resource: ARN(rawValue: resource))
            return
        }
        // To a device `*` is a name like any other.
        self.request = AuthorizationRequest(
            verb.action,
            isARN ? ARN(rawValue: resource) : Self.resource(resource, of: verb.action, in: realm))
    }

    /// `publish devices/pump-1/up`, in one text.
    package init(_ text: String, in realm: Realm) throws(FleetError) {
        let halves = text.split(separator: " ", maxSplits: 1)
        guard halves.count == 2 else {
            throw FleetError(
                .invalidRequest,
                "'\(text.clipped)' is no question: an action and a resource, such as 'publish t/a'")
        }
        try self.init(String(halves[0]), String(halves[1]), in: realm)
    }

    package init(_ request: AuthorizationRequest, words: String) {
        self.request = request
        self.words = words
    }

    private static func resource(
        _ name: String, of action: PolicyAction, in realm: Realm
    ) -> ARN {
        switch ResourceKind(of: action) {
        case .client: realm.client(name)
        case .topicFilter: realm.topicFilter(name)
        case .topic, .thing, .roleAlias, nil: realm.topic(name)
        }
    }
}
