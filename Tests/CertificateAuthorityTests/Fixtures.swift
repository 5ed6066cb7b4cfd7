import Foundation
import Testing

@testable import CertificateAuthority
@testable import Fleet

/// Repeatable unpredictability: SplitMix64 from a seed. One draw at a time, so that tests that
/// share it stay correct.
final class SeededEntropy: Entropy, @unchecked Sendable {
    private let lock = NSLock()
    private var state: UInt64

    init(_ seed: UInt64) { self.state = seed }

    func word() -> UInt64 {
        self.lock.lock()
        defer { self.lock.unlock() }
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var word = self.state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    func bytes(count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: self.word()) }
    }

    func below(_ bound: Int) -> Int { Int(self.word() % UInt64(bound)) }
}

/// 2026-11-24T12:00:00Z.
let noon = UnixTime(seconds: 1_795_521_600)

func secret(_ text: String) -> Secret<WipedBytes> { Secret(WipedBytes(Array(text.utf8))) }

/// A root and an issuing authority, made once: encrypting keys is slow by intent. The copies that
/// tests open are encrypted with fewer iterations.
struct Deployment: Sendable {
    static let passphrase = "correct horse battery staple"
    private static let iterations: Int32 = 1000

    let root: AuthorityCeremony.MadeAuthority
    let issuing: AuthorityCeremony.MadeAuthority
    private let rootKeyPEM: String
    private let issuingKeyPEM: String

    static let shared: Result<Deployment, any Error> = Result { try Deployment() }

    private init() throws {
        let circumstances = AuthorityCeremony.Circumstances(now: noon, entropy: SeededEntropy(1))
        self.root = try AuthorityCeremony.root(
            passphrase: secret(Self.passphrase), circumstances)
        self.rootKeyPEM = try Self.cheapened(self.root)
        let root = try Self.open(self.root, self.rootKeyPEM)
        self.issuing = try AuthorityCeremony.issuingAuthority(
            under: root, passphrase: secret(Self.passphrase), circumstances)
        self.issuingKeyPEM = try Self.cheapened(self.issuing)
    }

    private static func cheapened(_ made: AuthorityCeremony.MadeAuthority) throws -> String {
        try SigningKey(encryptedPEM: made.encryptedKeyPEM, passphrase: secret(Self.passphrase))
            .encryptedPEM(passphrase: secret(Self.passphrase), iterations: Self.iterations)
    }

    private static func open(
        _ made: AuthorityCeremony.MadeAuthority, _ keyPEM: String
    ) throws -> SigningAuthority {
        try AuthorityCeremony.open(
            certificatePEM: made.certificatePEM, encryptedKeyPEM: keyPEM,
            passphrase: secret(Self.passphrase))
    }

    func openRoot() throws -> SigningAuthority { try Self.open(self.root, self.rootKeyPEM) }

    func openIssuing() throws -> SigningAuthority {
        try Self.open(self.issuing, self.issuingKeyPEM)
    }

    func issuer(
        profile: CertificateProfile = .device, rules: KeyRules = KeyRules(), seed: UInt64 = 2
    ) throws -> Issuer {
        try Issuer(
            authority: self.openIssuing(), profile: profile, rules: rules,
            authorityKeys: [self.root.certificate.publicKey], entropy: SeededEntropy(seed))
    }
}

/// A folder that goes when the test does.
final class TemporaryFolder {
    let path: String

    init() throws {
        self.path = NSTemporaryDirectory() + "slipway-ca-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: self.path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        let file = self.path + "/" + name
        try text.write(toFile: file, atomically: false, encoding: .utf8)
        return file
    }

    func read(_ name: String) throws -> String {
        try String(contentsOfFile: self.path + "/" + name, encoding: .utf8)
    }

    /// Runs the `openssl` command in this folder: a judge that shares no code with the encoder.
    @discardableResult
    func openssl(_ arguments: String..., fails: Bool = false) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: self.path)
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let text = String(decoding: bytes, as: UTF8.self)
        #expect((process.terminationStatus != 0) == fails, "openssl \(arguments): \(text)")
        return text
    }

    /// A request by the `openssl` command, for a key it makes too.
    func request(
        key: [String], subject: String = "/CN=device", _ options: String...
    ) throws -> String {
        let name = UUID().uuidString
        _ = try self.run(["genpkey", "-out", "\(name).key"] + key)
        _ = try self.run(
            [
                "req", "-new", "-utf8", "-key", "\(name).key", "-subj", subject, "-out",
                "\(name).csr",
            ] + options)
        return try self.read("\(name).csr")
    }

    private func run(_ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: self.path)
        process.standardInput = FileHandle.nullDevice
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let text = String(decoding: bytes, as: UTF8.self)
        try #require(process.terminationStatus == 0, "openssl \(arguments): \(text)")
        return text
    }
}

/// How the `openssl` command is told to make a key.
enum KeyRecipe {
    static let p256 = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    static let p384 = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]
    static let p521 = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"]
    static let rsa2048 = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
    static let ed25519 = ["-algorithm", "ED25519"]
}

/// The error of an expression that must throw a `FleetError`.
func refusal<Value: ~Copyable>(
    _ location: SourceLocation = #_sourceLocation, of body: () throws -> Value
) throws -> FleetError {
    do {
        _ = try body()
    } catch {
        return try #require(error as? FleetError, sourceLocation: location)
    }
    Issue.record("nothing was refused", sourceLocation: location)
    return FleetError(.internalFailure, "")
}

/// One tag, length and value, however wrong: hostile encodings are what a strict library refuses
/// to write.
func tlv(_ tag: UInt8, _ content: [UInt8]...) -> [UInt8] {
    let content = content.flatMap { $0 }
    if content.count < 128 { return [tag, UInt8(content.count)] + content }
    if content.count < 256 { return [tag, 0x81, UInt8(content.count)] + content }
    if content.count < 65_536 {
        return [tag, 0x82, UInt8(content.count >> 8), UInt8(content.count & 0xFF)] + content
    }
    return [
        tag, 0x83, UInt8(content.count >> 16), UInt8(content.count >> 8 & 0xFF),
        UInt8(content.count & 0xFF),
    ] + content
}

func hexBytes(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var digits = Array(text.utf8)[...]
    while let high = digits.popFirst(), let low = digits.popFirst() {
        bytes.append(UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16) ?? 0)
    }
    return bytes
}
