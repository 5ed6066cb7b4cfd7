import Foundation
import Testing

/// The arrows of ARCHITECTURE.md, section 3, held file by file: the manifest says what a target
/// may link, this says what it may name.
@Suite struct ImportRules {
    private static let platform: Set<String> = [
        "CoreFoundation", "Foundation", "FoundationEssentials", "Glibc", "Musl", "Darwin",
        "Synchronization", "Dispatch",
    ]
    private static let crypto: Set<String> = ["Crypto"]
    private static let nio: Set<String> = [
        "NIOCore", "NIOPosix", "NIOSSL", "NIOTLS", "NIOConcurrencyHelpers",
    ]

    /// What each target may import. A target that is not here may import nothing at all.
    private static let allowed: [String: Set<String>] = [
        "JSON": [],
        "Fleet": ["JSON", "Glibc", "Musl", "Darwin", "Synchronization"],
        "MQTT": ["NIOCore"],
        "Policies": ["Fleet", "JSON"],
        "Registry": ["Fleet", "JSON", "Policies", "Crypto"],
        "Provisioning": [
            "Fleet", "JSON", "MQTT", "Policies", "Registry", "Crypto", "Synchronization",
        ],
        "CertificateAuthority": Self.platform.union(Self.crypto).union([
            "Fleet", "JSON", "COpenSSL", "COpenSSLShims", "SwiftASN1",
        ]),
        "Hooks": Self.platform.union(["Fleet", "JSON", "CLuaShims", "DequeModule"]),
        "SQLiteStorage": Self.platform.union(Self.crypto).union([
            "Fleet", "JSON", "GRDB", "GRDBSQLite", "DequeModule",
        ]),
        "MQTTBroker": Self.platform.union(Self.crypto).union(Self.nio).union([
            "Fleet", "MQTT", "Policies", "DequeModule", "Logging",
        ]),
        "ControlPlane": Self.platform.union(Self.crypto).union([
            "Fleet", "JSON", "Policies", "Registry", "Provisioning",
            "HummingbirdCore", "HummingbirdTLS", "NIOSSL", "HTTPTypes", "Logging", "NIOCore",
            "NIOPosix", "NIOHTTP1", "NIOHTTPTypesHTTP1", "ServiceLifecycle",
        ]),
        "DeviceSimulation": Self.platform.union(Self.crypto).union(Self.nio).union([
            "MQTT", "JSON", "X509", "SwiftASN1", "Histogram",
        ]),
    ]

    @Test func everySourceFileImportsOnlyWhatItsTargetMay() {
        for file in Repository.sources where file.module != "slipway" {
            let allowed = Self.allowed[file.module] ?? []
            for name in Self.imports(of: file) where !allowed.contains(name) {
                Issue.record("\(file): \(file.module) may not import \(name)")
            }
        }
    }

    @Test(arguments: [
        ("COpenSSL", "CertificateAuthority"), ("COpenSSLShims", "CertificateAuthority"),
        ("CLuaShims", "Hooks"), ("CLua", "CLuaShims"), ("GRDB", "SQLiteStorage"),
        ("GRDBSQLite", "SQLiteStorage"),
        ("HummingbirdCore", "ControlPlane"),
    ])
    func eachForeignLibraryHasOneImporter(library: String, importer: String) {
        for file in Repository.sources where Self.imports(of: file).contains(library) {
            #expect(file.module == importer, "\(file): only \(importer) may reach \(library)")
        }
    }

    private static func imports(of file: Repository.File) -> [String] {
        file.lines.compactMap { line in
            let words = line.split(separator: " ")
            guard let position = words.firstIndex(of: "import"), position <= 2,
                words[..<position].allSatisfy({
                    ["package", "internal", "private", "fileprivate"].contains($0)
                        || $0.hasPrefix("@")
                }), position + 1 < words.count
            else { return nil }
            let name = words[words.count - 1]
            return String(name.split(separator: ".").first ?? name)
        }
    }
}
