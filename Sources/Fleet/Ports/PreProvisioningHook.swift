package import JSON

/// What a hook is told (AWS: pre-provisioning hook request, payload version 2020-04-01).
package struct HookRequest: Sendable {
    package let claimCertificateID: CertificateID
    package let certificateID: CertificateID
    package let certificatePEM: String
    package let templateARN: ARN
    package let clientID: String
    /// As the device sent them.
    package let parameters: JSONObject
    /// The request's time: the only clock a hook can see.
    package let time: UnixTime
    /// What is known of the claim: `certificateId`, and `label`, `station` and `lot` where it has
    /// them.
    package let claim: JSONObject

    package init(
        claimCertificateID: CertificateID, certificateID: CertificateID, certificatePEM: String,
        templateARN: ARN, clientID: String, parameters: JSONObject, time: UnixTime,
        claim: JSONObject = [:]
    ) {
        self.claimCertificateID = claimCertificateID
        self.certificateID = certificateID
        self.certificatePEM = certificatePEM
        self.templateARN = templateARN
        self.clientID = clientID
        self.parameters = parameters
        self.time = time
        self.claim = claim
    }
}

/// What came of asking. Everything but `allowed` denies.
package struct HookOutcome: Sendable {
    package enum Verdict: Hashable, Sendable {
        case allowed(parameterOverrides: [String: String])
        /// The script said no; the reason is meant for the device.
        case denied(reason: String?)
        /// The deadline passed, and the worker was killed.
        case timedOut
        /// No worker was free in time, so the script was not asked at all: worth another try.
        case busy
        /// The script raised, returned nonsense or could not be run; the cause is for the log.
        case failed(cause: String)
    }
    /// A list the script looked into, and the version it was answered from.
    package struct AllowlistRead: Hashable, Sendable {
        package let list: AllowlistName
        package let serial: String
        package let version: Int?
        package let found: Bool
        package init(list: AllowlistName, serial: String, version: Int?, found: Bool) {
            self.list = list
            self.serial = serial
            self.version = version
            self.found = found
        }
    }
    /// What the script used up, as its sandbox counted it.
    package struct Cost: Hashable, Sendable {
        /// Interpreter instructions, and the steps that library functions took.
        package let instructions: Int
        /// The most memory that was held at one moment.
        package let bytes: Int
        /// CPU time.
        package let microseconds: Int
        package init(instructions: Int, bytes: Int, microseconds: Int) {
            self.instructions = instructions
            self.bytes = bytes
            self.microseconds = microseconds
        }
    }
    package let verdict: Verdict
    /// The lists among `questions`.
    package let reads: [AllowlistRead]
    /// Everything the script asked, in that order.
    package let questions: [HookRead]
    /// A word of the script's own for why it denied, for machines.
    package let reasonCode: String?
    /// What the script wants kept with the registration: station, lot, and the like.
    package let attributes: [String: String]
    /// What the script wrote with `log`.
    package let log: [String]
    /// nil where the script did not come to its end, or never began.
    package let cost: Cost?

    package init(
        verdict: Verdict, reads: [AllowlistRead], log: [String], cost: Cost? = nil,
        questions: [HookRead] = [], reasonCode: String? = nil, attributes: [String: String] = [:]
    ) {
        self.questions = questions
        self.reasonCode = reasonCode
        self.attributes = attributes
        self.verdict = verdict
        self.reads = reads
        self.log = log
        self.cost = cost
    }
}

/// Runs hook scripts where they can do no harm, and kills them in time. It has no way to fail but
/// to deny, so it does not throw.
package protocol PreProvisioningHook: Sendable {
    func run(_ script: HookScript, request: HookRequest) async -> HookOutcome
}
