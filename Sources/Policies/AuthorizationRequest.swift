package import Fleet

/// One question: may this be done to that?
package struct AuthorizationRequest: Hashable, Sendable {
    package let action: PolicyAction
    package let resource: ARN
    let actionBit: PolicyActionSet
    let resourceBytes: [UInt8]

    package init(_ action: PolicyAction, _ resource: ARN) {
        self.action = action
        self.resource = resource
        self.actionBit = .action(action)
        self.resourceBytes = Array(resource.rawValue.utf8)
    }

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
