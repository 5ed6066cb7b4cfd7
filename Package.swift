// swift-tools-version: 6.2
// One package, one executable. The arrows between the targets are the architecture: they point
// down only, adapters never import adapters (ARCHITECTURE.md, section 3), and Tests/TidyTests
// holds every file's import list against this manifest.
import PackageDescription

let swift: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")
let asn1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let sqlite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(
    name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals = Target.Dependency.product(
    name: "UnixSignals", package: "swift-service-lifecycle")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")
let arguments = Target.Dependency.product(
    name: "ArgumentParser", package: "swift-argument-parser")
let configuration = Target.Dependency.product(
    name: "Configuration", package: "swift-configuration")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let httpTypesHTTP1 = Target.Dependency.product(
    name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
let hummingbird = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdTLS = Target.Dependency.product(name: "HummingbirdTLS", package: "hummingbird")
let httpClient = Target.Dependency.product(
    name: "AsyncHTTPClient", package: "async-http-client")

let package = Package(
    name: "slipway",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "slipway", targets: ["slipway"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(
            url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    ],
    targets: [
        // The C world. Each library has one Swift importer, named beside it.
        .systemLibrary(
            name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "COpenSSLShims", dependencies: ["COpenSSL"]),
        .systemLibrary(name: "CLua", pkgConfig: "lua5.4", providers: [.apt(["liblua5.4-dev"])]),
        .target(name: "CLuaShims", dependencies: ["CLua"]),

        // Ground, vocabulary and judgement: no I/O.
        .target(name: "JSON", swiftSettings: swift),
        .target(name: "Fleet", dependencies: ["JSON"], swiftSettings: swift),
        .target(name: "MQTT", dependencies: [nioCore], swiftSettings: swift),
        .target(name: "Policies", dependencies: ["Fleet", "JSON"], swiftSettings: swift),
        .target(
            name: "Registry", dependencies: ["Fleet", "JSON", "Policies", crypto],
            swiftSettings: swift),
        .target(
            name: "Provisioning",
            dependencies: ["Fleet", "JSON", "MQTT", "Policies", "Registry", crypto],
            swiftSettings: swift),

        // Adapters: each touches one foreign thing, none touches another.
        .target(
            name: "CertificateAuthority",
            dependencies: ["Fleet", "JSON", "COpenSSL", "COpenSSLShims", asn1, crypto],
            swiftSettings: swift),
        .target(
            name: "Hooks", dependencies: ["Fleet", "JSON", "CLuaShims"], swiftSettings: swift),
        .target(
            name: "SQLiteStorage", dependencies: ["Fleet", "JSON", grdb, sqlite, crypto],
            swiftSettings: swift),
        .target(
            name: "MQTTBroker",
            dependencies: [
                "Fleet", "MQTT", "Policies", nioCore, nioPosix, nioSSL, nioTLS, deque, log,
                crypto,
            ],
            swiftSettings: swift),
        .target(
            name: "ControlPlane",
            dependencies: [
                "Fleet", "JSON", "Policies", "Registry", "Provisioning", hummingbird,
                hummingbirdTLS, nioSSL, lifecycle, log, nioCore, nioPosix, nioHTTP, httpTypes,
                httpTypesHTTP1, crypto,
            ],
            swiftSettings: swift),

        // A device's side of the wire. It sees the protocol and nothing of the fleet, so that
        // `slipway simulate` is as foreign to the service as any other client.
        .target(
            name: "DeviceSimulation",
            dependencies: [
                "MQTT", "JSON", nioCore, nioPosix, nioSSL, x509, asn1, crypto, histogram,
            ],
            swiftSettings: swift),

        .executableTarget(
            name: "slipway",
            dependencies: [
                "JSON", "Fleet", "MQTT", "Policies", "Registry", "Provisioning",
                "CertificateAuthority", "Hooks", "SQLiteStorage", "MQTTBroker", "ControlPlane",
                "DeviceSimulation", arguments, configuration, log, lifecycle, signals, httpClient,
                httpTypes, nioCore, nioHTTP,
                nioPosix, nioSSL, crypto,
            ],
            swiftSettings: swift),

        .target(
            name: "TestSupport", dependencies: ["Fleet", "JSON"], path: "Tests/TestSupport",
            swiftSettings: swift),
        .testTarget(name: "JSONTests", dependencies: ["JSON"], swiftSettings: swift),
        .testTarget(
            name: "FleetTests", dependencies: ["Fleet", "JSON", "TestSupport"],
            swiftSettings: swift),
        .testTarget(name: "MQTTTests", dependencies: ["MQTT", nioCore], swiftSettings: swift),
        .testTarget(
            name: "PoliciesTests", dependencies: ["Policies", "Fleet", "JSON", "TestSupport"],
            swiftSettings: swift),
        .testTarget(
            name: "RegistryTests",
            dependencies: ["Registry", "Policies", "Fleet", "JSON", "TestSupport"],
            swiftSettings: swift),
        .testTarget(
            name: "ProvisioningTests",
            dependencies: ["Provisioning", "Registry", "Policies", "Fleet", "JSON", "TestSupport"],
            exclude: ["Golden"], swiftSettings: swift),
        .testTarget(
            name: "CertificateAuthorityTests",
            dependencies: ["CertificateAuthority", "Fleet", "TestSupport", x509, asn1, crypto],
            swiftSettings: swift),
        .testTarget(
            // "slipway" because the worker under test is the executable itself.
            name: "HooksTests",
            dependencies: ["Hooks", "Fleet", "JSON", "TestSupport", "slipway"],
            swiftSettings: swift),
        .testTarget(
            name: "SQLiteStorageTests",
            dependencies: ["SQLiteStorage", "Fleet", "JSON", "TestSupport", grdb],
            swiftSettings: swift),
        .testTarget(
            name: "MQTTBrokerTests",
            dependencies: [
                "MQTTBroker", "MQTT", "Policies", "Fleet", "TestSupport", nioCore, nioPosix,
                nioSSL, nioEmbedded, x509, asn1, crypto, log,
            ],
            swiftSettings: swift),
        .testTarget(
            name: "ControlPlaneTests",
            dependencies: [
                "ControlPlane", "Policies", "Registry", "Fleet", "JSON", "TestSupport", httpTypes,
                hummingbird, crypto, nioCore, nioEmbedded, nioHTTP, nioPosix,
            ],
            swiftSettings: swift),
        .testTarget(
            name: "DeviceSimulationTests",
            dependencies: [
                "DeviceSimulation", "MQTT", "JSON", nioCore, nioPosix, nioSSL, x509, asn1, crypto,
            ],
            swiftSettings: swift),
        .testTarget(
            name: "ScenarioTests", dependencies: ["slipway", "JSON"], swiftSettings: swift),
        .testTarget(name: "TidyTests", swiftSettings: swift),
    ]
)
