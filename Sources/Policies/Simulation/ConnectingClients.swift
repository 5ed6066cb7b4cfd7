package import Fleet

/// Whether policies let anybody connect, under whatever client id they have in mind.
package enum ConnectingClients {
    private static let anyClient = "claim"
    private static let ownClient = "${iot:ClientId}"

    /// True too where only a connection could tell: a condition, or a variable of the connection.
    package static func exist(for policies: [CompiledPolicy], in realm: Realm) -> Bool {
        guard policies.allSatisfy({ $0.defect == nil }) else { return false }
        let allowing = policies.flatMap(\.statements).filter {
            $0.effect == .allow && $0.actions.contains(.action(.connect))
        }
        return allowing.contains { statement in
            guard statement.conditions.isEmpty else { return true }
            guard case .only(let patterns) = statement.resources else {
                return Self.may(Self.anyClient, policies, realm)
            }
            return patterns.contains { pattern in
                guard let client = Self.client(of: pattern.text) else { return false }
                return client.contains("${") || Self.may(client, policies, realm)
            }
        }
    }

    /// One of those that a resource names; nil where it names none.
    private static func client(of resource: String) -> String? {
        let parts = resource.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard let name = parts.last, parts.count == 6, name.hasPrefix("client/") else {
            return resource.contains("*") ? Self.anyClient : nil
        }
        return String(name.dropFirst("client/".count))
            .replacing(Self.ownClient, with: Self.anyClient)
            .replacing("*", with: "0").replacing("?", with: "0")
    }

    private static func may(
        _ client: String, _ policies: [CompiledPolicy], _ realm: Realm
    ) -> Bool {
        PolicyEvaluator.decide(
            policies: policies, request: .connect(clientID: client, in: realm),
            context: PolicyVariables(clientID: client)
        ).isAllowed
    }
}
