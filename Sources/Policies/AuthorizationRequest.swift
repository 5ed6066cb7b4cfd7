package import Fleet

/// One question: may this be done to that?
///
/// The same documents and the same evaluator answer for both planes. What a device does is one of
/// the few actions of `PolicyAction`, compared as one bit. What a person or a machine does to the
/// control plane is the name of any operation, `iot:CreateThing` or `slipway:ImportAllowlist`,
/// compared with the patterns of a document's actions:
///
///     let rights = CompiledPolicy(
///         try PolicyDocument.parse(text, dialect: .access), name: role, version: 1)
///     let request = AuthorizationRequest(
///         operation: "iot:CreateThing", resource: realm.thing(name))
///     let decision = PolicyEvaluator.decide(
///         policies: [rights], request: request, context: PolicyVariables(sourceIP: address))
package struct AuthorizationRequest: Hashable, Sendable {
    /// The data plane's action; nil for an operation of the control plane.
    package let action: PolicyAction?
    package let resource: ARN
    /// Empty for an operation of the control plane.
    let actionBit: PolicyActionSet
    let resourceBytes: [UInt8]
    private let controlOperation: String
    /// In lower case, as action patterns are; empty for an action of the data plane.
    let controlOperationBytes: [UInt8]

    package init(_ action: PolicyAction, _ resource: ARN) {
        self.init(action, controlOperation: "", on: resource)
    }

    /// - Parameter operation: its service and its name, `iot:CreateThing`. Letter case does not
    ///   count. The name of a data plane's action is that action.
    package init(operation: String, resource: ARN) {
        let action = PolicyAction(operation: operation)
        self.init(action, controlOperation: action == nil ? operation : "", on: resource)
    }

    private init(_ action: PolicyAction?, controlOperation: String, on resource: ARN) {
        self.action = action
        self.resource = resource
        self.actionBit = action.map { .action($0) } ?? []
        self.resourceBytes = Array(resource.rawValue.utf8)
        self.controlOperation = controlOperation
        self.controlOperationBytes = Array(controlOperation.lowercased().utf8)
    }

    /// `iot:Publish`, `iot:CreateThing`.
    package var operation: String { self.action?.rawValue ?? self.controlOperation }

    package static func connect(clientID: String, in realm: Realm) -> AuthorizationRequest {
        AuthorizationRequest(.connect, realm.client(clientID))
    }

    package static func publish(topic: String, in realm: Realm) -> AuthorizationRequest {
        AuthorizationRequest(.publish, realm.topic(topic))
    }

    /// Asked beside `publish`, not in its place, where the retain flag is set.
    package static func retainPublish(topic: String, in realm: Realm) -> AuthorizationRequest {
        AuthorizationRequest(.retainPublish, realm.topic(topic))
    }

    /// The filter is compared as text: its wildcards are plain characters here.
    package static func subscribe(filter: String, in realm: Realm) -> AuthorizationRequest {
        AuthorizationRequest(.subscribe, realm.topicFilter(filter))
    }

    package static func receive(topic: String, in realm: Realm) -> AuthorizationRequest {
        AuthorizationRequest(.receive, realm.topic(topic))
    }
}
