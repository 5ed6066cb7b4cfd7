package import MQTT

/// How the devices of a run get their key pair.
package enum SimulatedFlow: String, Sendable, CaseIterable {
    /// Each device makes its own key and sends a CSR (AWS: CreateCertificateFromCsr).
    case csr
    /// The service makes the key (AWS: CreateKeysAndCertificate).
    case keys
    /// Every other device one way, the rest the other.
    case mixed

    /// What the device with this index does. A device does one or the other, never `mixed`.
    func kind(at index: Int) -> DeviceKind {
        switch self {
        case .csr: .csr
        case .keys: .keys
        case .mixed: index.isMultiple(of: 2) ? .csr : .keys
        }
    }
}

/// The two kinds of devices a report tells apart.
package enum DeviceKind: String, Sendable, CaseIterable {
    case csr
    case keys
}

/// The encoding of requests and replies; it is part of every topic (AWS: fleet provisioning MQTT
/// API).
package enum PayloadFormat: String, Sendable, CaseIterable {
    case json
    case cbor
}

/// A certificate chain and its key, both PEM. It prints as its length only.
package struct Credentials: Sendable, CustomStringConvertible {
    package let certificatePEM: [UInt8]
    package let privateKeyPEM: [UInt8]

    package init(certificatePEM: [UInt8], privateKeyPEM: [UInt8]) {
        self.certificatePEM = certificatePEM
        self.privateKeyPEM = privateKeyPEM
    }

    package var description: String { "<certificate and key, redacted>" }
}

/// Everything a run of virtual devices is told. Only what has no sensible default is asked for.
package struct SimulationOptions: Sendable {
    package var endpoint: Endpoint
    package var claim: Credentials
    /// PEM certificates that may have signed the gateway's; nil trusts what the system trusts.
    package var trustAnchorsPEM: [UInt8]?
    package var template: String
    package var serials: SerialNumbers
    package var devices: Int

    package var flow: SimulatedFlow = .mixed
    package var version: ProtocolVersion = .v5
    package var format: PayloadFormat = .json
    /// How many devices are alive at once, which also bounds memory.
    package var concurrency = 50
    /// The chance, in percent, that a boot of a device ends in a power cut.
    package var powerCutPercent = 0
    /// How many of a hundred devices carry the serial number of the device before them, as a label
    /// that was scanned twice gives it: so many percent of whatever there are, one at least.
    package var doubleScanPercent = 0
    /// How many of a hundred devices carry the flash image of the device before them: its key
    /// under a serial of their own first, and then its certificate beside it. Counted likewise.
    package var clonePercent = 0
    /// Units that the claim may still register, where the run is to prove that it is just so many.
    package var budget: Int?
    /// The longest that a device thinks between its boot and its first packet, and again before it
    /// registers.
    package var thinkMillisecondsMax = 0
    /// The parameter that carries the serial number.
    package var serialParameter = "SerialNumber"
    /// Further parameters, the same for every device.
    package var parameters: [(name: String, value: String)] = []
    /// Where a provisioned device says hello; `{thing}` and `{serial}` are filled in.
    package var publishTopic = "devices/{thing}/hello"
    /// How often a device tries before it counts as failed. Power cuts are not counted.
    package var attemptsMax = 8
    /// How long a device waits for the answer to anything it sends.
    package var stepSecondsMax: Int64 = 30
    package var seed: UInt64 = 1
    /// A folder that receives NAME.pem and NAME.key of every device, readable by the owner only.
    package var outputFolder: String?
    /// Only connect with the claim and disconnect: what a broker spends on accepting a device.
    package var connectsOnly = false
    /// Once provisioned, ask for a second certificate, for the same key, and say hello with it.
    package var renews = false

    package init(
        endpoint: Endpoint, claim: Credentials, template: String, serials: SerialNumbers,
        devices: Int
    ) {
        self.endpoint = endpoint
        self.claim = claim
        self.template = template
        self.serials = serials
        self.devices = devices
    }

    /// AWS: a template name has at most 36 characters of `[0-9A-Za-z_-]`.
    private static let templateCharactersMax = 36
    /// A run keeps this many sockets at most; beyond it a machine runs out of ports before it runs
    /// out of patience.
    private static let concurrencyMax = 20_000
    private static let devicesMax = 100_000_000
    /// An hour, which is as long as an ownership token lives.
    private static let thinkMillisecondsLimit = 3_600_000

    func validate() throws(SimulationError) {
        guard (1...Self.devicesMax).contains(self.devices) else {
            throw SimulationError("the number of devices must be 1 to \(Self.devicesMax)")
        }
        guard (1...Self.concurrencyMax).contains(self.concurrency) else {
            throw SimulationError("concurrency must be 1 to \(Self.concurrencyMax)")
        }
        guard (0...100).contains(self.powerCutPercent) else {
            throw SimulationError("the power cut chance is a percentage, 0 to 100")
        }
        guard (0...50).contains(self.doubleScanPercent), (0...50).contains(self.clonePercent),
            self.doubleScanPercent + self.clonePercent <= 50
        else {
            throw SimulationError(
                "double scans and clones are percentages, together 0 to 50: each needs a device "
                    + "before it")
        }
        let mix = AccidentMix(self)
        guard self.doubleScanPercent == 0 || mix.doubleScans > 0,
            self.clonePercent == 0 || mix.clones > 0
        else {
            throw SimulationError(
                "\(self.devices) devices have no room for a pair of each kind that goes wrong: "
                    + "two devices for double scans, and two for clones")
        }
        guard self.clonePercent == 0 || self.flow != .keys else {
            throw SimulationError(
                "a copied image has a key of its own: clones need the flow csr or mixed")
        }
        guard (0...Self.thinkMillisecondsLimit).contains(self.thinkMillisecondsMax) else {
            throw SimulationError(
                "a slow device waits 0 to \(Self.thinkMillisecondsLimit) milliseconds")
        }
        guard self.budget.map({ $0 >= 0 }) ?? true else {
            throw SimulationError("a budget is 0 units or more")
        }
        guard (1...1000).contains(self.attemptsMax) else {
            throw SimulationError("attempts must be 1 to 1000")
        }
        guard (1...3600).contains(self.stepSecondsMax) else {
            throw SimulationError("the step timeout must be 1 to 3600 seconds")
        }
        guard !self.template.isEmpty, self.template.utf8.count <= Self.templateCharactersMax,
            self.template.utf8.allSatisfy({ $0.isNameByte && $0 != UInt8(ascii: ":") })
        else {
            throw SimulationError(
                "\"\(self.template)\" is no template name: 1 to \(Self.templateCharactersMax) "
                    + "letters, digits, '_' and '-'")
        }
        if let count = self.serials.count, count < self.devices {
            throw SimulationError(
                "\(self.devices) devices need as many serials; the file lists \(count)")
        }
        guard !self.publishTopic.isEmpty, !self.publishTopic.contains(where: { "+#".contains($0) })
        else { throw SimulationError("the publish topic must name a topic, without '+' and '#'") }
    }
}

extension UInt8 {
    /// AWS: thing names are made of `[a-zA-Z0-9:_-]`.
    var isNameByte: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: ":"), UInt8(ascii: "_"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
