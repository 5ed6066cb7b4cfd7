import Fleet

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
}
