/// What a policy can allow or deny: every action of the AWS IoT data plane.
package enum PolicyAction: String, Hashable, Sendable, CaseIterable {
    case connect = "iot:Connect"
    case deleteConnection = "iot:DeleteConnection"
    case getConnection = "iot:GetConnection"
    case listSubscriptions = "iot:ListSubscriptions"
    case sendDirectMessage = "iot:SendDirectMessage"
    case publish = "iot:Publish"
    case retainPublish = "iot:RetainPublish"
    case subscribe = "iot:Subscribe"
    case receive = "iot:Receive"
    case getRetainedMessage = "iot:GetRetainedMessage"
    case listRetainedMessages = "iot:ListRetainedMessages"
    case getThingShadow = "iot:GetThingShadow"
    case updateThingShadow = "iot:UpdateThingShadow"
    case deleteThingShadow = "iot:DeleteThingShadow"
    case listNamedShadowsForThing = "iot:ListNamedShadowsForThing"
    case assumeRoleWithCertificate = "iot:AssumeRoleWithCertificate"
    case describeJobExecution = "iotjobsdata:DescribeJobExecution"
    case getPendingJobExecutions = "iotjobsdata:GetPendingJobExecutions"
    case updateJobExecution = "iotjobsdata:UpdateJobExecution"
    case startNextPendingJobExecution = "iotjobsdata:StartNextPendingJobExecution"

    /// Whether the resource is a topic or a topic filter, where `/ + # $` have a meaning that a
    /// substituted value must not bring in.
    var concernsTopic: Bool {
        switch self {
        case .publish, .retainPublish, .subscribe, .receive, .getRetainedMessage: true
        case .connect, .deleteConnection, .getConnection, .listSubscriptions, .sendDirectMessage,
            .listRetainedMessages, .getThingShadow, .updateThingShadow, .deleteThingShadow,
            .listNamedShadowsForThing, .assumeRoleWithCertificate, .describeJobExecution,
            .getPendingJobExecutions, .updateJobExecution, .startNextPendingJobExecution:
            false
        }
    }

    /// The names a statement may call this action by. The job actions were born under `iot:`.
    var names: [String] {
        switch self {
        case .describeJobExecution, .getPendingJobExecutions, .updateJobExecution,
            .startNextPendingJobExecution:
            [self.rawValue, "iot:" + self.rawValue.dropFirst("iotjobsdata:".count)]
        case .connect, .deleteConnection, .getConnection, .listSubscriptions, .sendDirectMessage,
            .publish, .retainPublish, .subscribe, .receive, .getRetainedMessage,
            .listRetainedMessages, .getThingShadow, .updateThingShadow, .deleteThingShadow,
            .listNamedShadowsForThing, .assumeRoleWithCertificate:
            [self.rawValue]
        }
    }

    private static let byFoldedName = Dictionary(
        uniqueKeysWithValues: Self.allCases.flatMap { action in
            action.names.map { ($0.lowercased(), action) }
        })

    /// The action that `operation` names in whatever letter case; nil for the control plane's.
    init?(operation: String) {
        guard let action = Self.byFoldedName[operation.lowercased()] else { return nil }
        self = action
    }
}

/// The actions a statement speaks of, worked out once: deciding is then one bit test.
struct PolicyActionSet: OptionSet, Hashable, Sendable {
    let rawValue: UInt32

    static func action(_ action: PolicyAction) -> PolicyActionSet {
        switch action {
        case .connect: PolicyActionSet(rawValue: 1 << 0)
        case .deleteConnection: PolicyActionSet(rawValue: 1 << 1)
        case .publish: PolicyActionSet(rawValue: 1 << 2)
        case .retainPublish: PolicyActionSet(rawValue: 1 << 3)
        case .subscribe: PolicyActionSet(rawValue: 1 << 4)
        case .receive: PolicyActionSet(rawValue: 1 << 5)
        case .getRetainedMessage: PolicyActionSet(rawValue: 1 << 6)
        case .listRetainedMessages: PolicyActionSet(rawValue: 1 << 7)
        case .getThingShadow: PolicyActionSet(rawValue: 1 << 8)
        case .updateThingShadow: PolicyActionSet(rawValue: 1 << 9)
        case .deleteThingShadow: PolicyActionSet(rawValue: 1 << 10)
        case .listNamedShadowsForThing: PolicyActionSet(rawValue: 1 << 11)
        case .assumeRoleWithCertificate: PolicyActionSet(rawValue: 1 << 12)
        case .describeJobExecution: PolicyActionSet(rawValue: 1 << 13)
        case .getPendingJobExecutions: PolicyActionSet(rawValue: 1 << 14)
        case .updateJobExecution: PolicyActionSet(rawValue: 1 << 15)
        case .startNextPendingJobExecution: PolicyActionSet(rawValue: 1 << 16)
        case .getConnection: PolicyActionSet(rawValue: 1 << 17)
        case .listSubscriptions: PolicyActionSet(rawValue: 1 << 18)
        case .sendDirectMessage: PolicyActionSet(rawValue: 1 << 19)
        }
    }

    static let all = PolicyActionSet(rawValue: 1 << 20 - 1)
}

/// An `Action` as a statement writes it: `iot:Publish`, `iot:*`, `iotjobsdata:Get*`, or `*`.
/// Letter case does not count, as in IAM.
package struct ActionPattern: Hashable, Sendable {
    package let text: String
    /// What it covers of the data plane, worked out once.
    let actions: PolicyActionSet
    /// What it covers of the control plane: compared with the operation's name in lower case.
    let operations: Glob

    var hasWildcards: Bool { self.text.utf8.contains { "*?".utf8.contains($0) } }

    /// - Throws: `MalformedPattern` for anything but the forms above. A name that the data plane
    ///   does not have (`iot:CreateThing`) is a valid one; it simply covers nothing there.
    init(_ text: String, dialect: PolicyDialect = .device) throws(MalformedPattern) {
        self.text = text
        let folded = text.lowercased()
        self.operations = Glob(wildcards: folded)
        guard folded != "*" else {
            self.actions = .all
            return
        }
        guard let prefix = dialect.services.map({ "\($0):" }).first(where: folded.hasPrefix) else {
            throw MalformedPattern("an action begins with \(dialect.servicesInWords), or is '*'")
        }
        let name = folded.dropFirst(prefix.count)
        guard !name.isEmpty,
            name.utf8.allSatisfy({ byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: "*") || byte == UInt8(ascii: "?")
            })
        else {
            throw MalformedPattern("an action's name is made of letters, digits, '*' and '?'")
        }
        let glob = Glob(wildcards: folded)
        var actions: PolicyActionSet = []
        for action in PolicyAction.allCases
        where action.names.contains(where: { glob.matches(Array($0.lowercased().utf8)) }) {
            actions.insert(.action(action))
        }
        self.actions = actions
    }
}
