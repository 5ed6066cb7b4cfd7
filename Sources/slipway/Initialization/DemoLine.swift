import Fleet
import JSON

/// The demo line that init sets up: what its claim may do, and which serial numbers it may build.
enum DemoLine {
    static let label = "demo-line"
    static let template = "demo-sensor"
    static let allowlist = "demo"
    static let claimPolicy = "demo-claim"
    static let station = "demo-station"
    static let lot = "demo-lot"
    static let serialsCount = 1000

    /// As the template names it.
    static func thing(_ serial: String) -> String { "sensor-\(serial)" }

    /// SN-000001 to SN-001000.
    static func serial(_ number: Int) -> String {
        let digits = String(number)
        return "SN-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }

    static var serials: [String] { (1...Self.serialsCount).map(Self.serial) }

    /// The least that both create calls and one template need (provisioning specification, 1.11).
    static func claimPolicyDocument(_ realm: Realm) -> String {
        let families = [
            "$aws/certificates/create/*", "$aws/certificates/create-from-csr/*",
            "$aws/provisioning-templates/\(Self.template)/provision/*",
        ]
        let topics = families.map { JSONValue.string(realm.topic($0).rawValue) }
        let filters = families.map { JSONValue.string(realm.topicFilter($0).rawValue) }
        let document: JSONValue = [
            "Version": "2012-10-17",
            "Statement": [
                ["Effect": "Allow", "Action": "iot:Connect", "Resource": "*"],
                [
                    "Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"],
                    "Resource": .array(topics),
                ],
                ["Effect": "Allow", "Action": "iot:Subscribe", "Resource": .array(filters)],
            ],
        ]
        return JSONPrinter.print(document, style: .pretty)
    }
}
