package import Fleet
import HTTPTypes
package import Provisioning

/// What enrolment over HTTPS (RFC 7030) is made of: the same use cases, the same judgement of
/// devices and the same trust as over MQTT.
package struct ESTServices: Sendable {
    package let provisioner: Provisioner
    package let gate: any DeviceGate
    package let encoding: any EnrolmentEncoding
    /// The template where neither the path nor the claim names one; empty: none.
    package let standardTemplate: String
    package let clock: any WallClock

    package init(
        provisioner: Provisioner, gate: any DeviceGate, encoding: any EnrolmentEncoding,
        standardTemplate: String, clock: any WallClock
    ) {
        self.provisioner = provisioner
        self.gate = gate
        self.encoding = encoding
        self.standardTemplate = standardTemplate
        self.clock = clock
    }
}

/// What a path asks for (RFC 7030 3.2.2): `/.well-known/est/[LABEL/]OPERATION`.
struct ESTPath: Hashable {
    enum Operation: String {
        case cacerts, csrattrs, simpleenroll, simplereenroll, serverkeygen
        /// Known by the standard and not offered.
        case fullcmc

        /// RFC 7030 has GET where something is read; what answers that answers HEAD as well (RFC
        /// 9110 9.1).
        var methods: [HTTPRequest.Method] {
            switch self {
            case .cacerts, .csrattrs: [.get, .head]
            case .simpleenroll, .simplereenroll, .serverkeygen, .fullcmc: [.post]
            }
        }
    }

    private static let prefix = "/.well-known/est/"

    let operation: Operation
    /// The name of a template.
    let label: String?

    init?(_ path: String) {
        guard path.hasPrefix(Self.prefix) else { return nil }
        let parts = path.dropFirst(Self.prefix.count).split(
            separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let last = parts.last,
            let operation = Operation(rawValue: String(last))
        else { return nil }
        self.operation = operation
        self.label = parts.count == 2 ? parts.first.map(String.init) : nil
        // RFC 7030 3.2.2: a label is no operation's name; and none of ours is empty.
        if let label, label.isEmpty || Operation(rawValue: label) != nil { return nil }
    }
}
