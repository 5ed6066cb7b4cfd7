import Fleet

/// The reserved topics of the dialogue (AWS: device provisioning MQTT API). The format is part of
/// the topic and rules request and reply alike.
package struct ProvisioningTopic: Hashable, Sendable {
    package enum Format: String, Sendable, CaseIterable { case json, cbor }

    package enum Request: Hashable, Sendable {
        case createKeysAndCertificate
        case createCertificateFromCSR
        /// AWS has no such call; hence a name that is none of its own.
        case renewCertificate
        /// The template's name is as the device wrote it.
        case registerThing(template: String)
    }

    private static let ownPrefix = "$slipway"

    package let request: Request
    package let format: Format

    init(_ request: Request, _ format: Format) {
        self.request = request
        self.format = format
    }

    /// nil where the topic is no request of this dialogue.
    package init?(_ topic: String) {
        let levels = topic.split(separator: "/", omittingEmptySubsequences: false)
        guard levels.count >= 2, let last = levels.last,
            let format = Format(rawValue: String(last))
        else { return nil }
        self.format = format
        if levels[0] == Self.ownPrefix {
            guard levels.count == 4, levels[1] == "certificates", levels[2] == "renew" else {
                return nil
            }
            self.request = .renewCertificate
            return
        }
        guard levels[0] == "$aws" else { return nil }
        switch (levels[1], levels.count) {
        case ("certificates", 4):
            switch levels[2] {
            case "create": self.request = .createKeysAndCertificate
            case "create-from-csr": self.request = .createCertificateFromCSR
            default: return nil
            }
        case ("provisioning-templates", 5):
            guard !levels[2].isEmpty, levels[3] == "provision" else { return nil }
            self.request = .registerThing(template: String(levels[2]))
        default: return nil
        }
    }

    /// The request's topic itself.
    var text: String {
        switch self.request {
        case .createKeysAndCertificate: "$aws/certificates/create/\(self.format.rawValue)"
        case .createCertificateFromCSR:
            "$aws/certificates/create-from-csr/\(self.format.rawValue)"
        case .renewCertificate: "\(Self.ownPrefix)/certificates/renew/\(self.format.rawValue)"
        case .registerThing(let template):
            "$aws/provisioning-templates/\(template)/provision/\(self.format.rawValue)"
        }
    }

    package var accepted: String { self.text + "/accepted" }
    package var rejected: String { self.text + "/rejected" }

    /// Whether a subscription may name `filter`: a reply topic, `+` in place of a template, a
    /// format or an outcome, or `#` in place of what follows the operation. A filter can be as wide
    /// as a claim's policy lets it: replies go to the connection that asked, and nowhere else.
    package static func isReply(filter: String) -> Bool {
        if Self.isRenewalReply(filter: filter) { return true }
        var levels = filter.split(separator: "/", omittingEmptySubsequences: false)[...]
        guard levels.popFirst() == "$aws", let family = levels.popFirst() else { return false }
        switch family {
        case "certificates":
            guard let operation = levels.popFirst(),
                operation == "create" || operation == "create-from-csr"
            else { return false }
        case "provisioning-templates":
            guard let template = levels.popFirst(), !template.isEmpty, template != "#",
                template == "+" || !template.utf8.contains(where: Self.isWildcard),
                levels.popFirst() == "provision"
            else { return false }
        default: return false
        }
        return Self.isOutcome(levels)
    }

    /// The same for the replies to a renewal alone.
    static func isRenewalReply(filter: String) -> Bool {
        guard filter.utf8.starts(with: Self.ownPrefix.utf8) else { return false }
        var levels = filter.split(separator: "/", omittingEmptySubsequences: false)[...]
        return levels.popFirst() == Self.ownPrefix[...] && levels.popFirst() == "certificates"
            && levels.popFirst() == "renew" && Self.isOutcome(levels)
    }

    /// `FMT/accepted`, `FMT/rejected`, and their wildcards.
    private static func isOutcome(_ levels: ArraySlice<Substring>) -> Bool {
        guard let format = levels.first else { return false }
        if format == "#" { return levels.count == 1 }
        guard format == "+" || Format(rawValue: String(format)) != nil, levels.count == 2,
            let outcome = levels.last
        else { return false }
        return ["accepted", "rejected", "+", "#"].contains(outcome)
    }

    private static func isWildcard(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "+") || byte == UInt8(ascii: "#")
    }
}

/// The dialogue's topics, told without the dialogue.
package struct ProvisioningTopicNames: ReservedTopicNames {
    package init() {}

    package func isRequest(topic: String) -> Bool { ProvisioningTopic(topic) != nil }

    package func isReply(filter: String) -> Bool { ProvisioningTopic.isReply(filter: filter) }

    package func isOpenToEnded(topic: String) -> Bool {
        ProvisioningTopic(topic)?.request == .renewCertificate
    }

    package func isOpenToEnded(filter: String) -> Bool {
        ProvisioningTopic.isRenewalReply(filter: filter)
    }
}
