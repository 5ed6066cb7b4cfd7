import Fleet

/// What to do about a refusal that says only what is wrong. Its words are the service's, and speak
/// to AWS's clients too, where a command of this program would be none.
enum Advice {
    /// By what a message calls a thing that is not there: where those are that are.
    private static let listings: [(noun: String, command: String)] = [
        ("thing group", "slipway group list"), ("thing type", "slipway type list"),
        ("thing", "slipway thing list"), ("billing group", "slipway group billing list"),
        ("policy", "slipway policy list"), ("provisioning template", "slipway template list"),
        ("certificate provider", "slipway cert provider list"),
        ("certificate", "slipway cert list"), ("claim", "slipway claim list"),
        ("access key", "slipway access list"), ("role", "slipway access role list"),
        ("hook", "slipway hook list"), ("allowlist", "slipway allowlist list"),
        ("registration task", "slipway register-things list"),
        ("issuing ca", "slipway ca list"), ("root", "slipway ca list"),
    ]
    private static let versions: [(noun: String, command: String)] = [
        ("policy", "slipway policy version list"),
        ("provisioning template", "slipway template versions"),
        ("template", "slipway template versions"), ("hook", "slipway hook list"),
    ]

    /// nil where the message says it itself, or there is nothing to say.
    static func about(_ error: FleetError) -> String? {
        let message = error.message.lowercased()
        guard !message.contains("slipway ") else { return nil }
        if error.code == .notFound { return Self.listing(for: message).map { "see '\($0)'" } }
        if error.code == .unrecognizedClient {
            return "is it the right access key (AWS_ACCESS_KEY_ID, or the profile), and active? "
                + "'slipway access list' on the service's machine has those that are"
        }
        if error.code == .notAllowed {
            return "'slipway operations --roles' says who may; an administrator gives roles with "
                + "'slipway access roles'"
        }
        return nil
    }

    private static func listing(for message: String) -> String? {
        let start = "there is no "
        let isMissing = message.hasPrefix(start) || message.hasSuffix(" does not exist")
        let named = message.hasPrefix(start) ? message.dropFirst(start.count) : message[...]
        let table: [(noun: String, command: String)]
        if isMissing {
            table = Self.listings
        } else if message.contains(" has no version ") {
            table = Self.versions
        } else {
            return nil
        }
        return table.first { named.hasPrefix($0.noun + " ") }?.command
    }
}
