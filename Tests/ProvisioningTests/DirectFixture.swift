import Fleet
import JSON
import Provisioning
import Registry
import TestSupport
import Testing

/// Reads certificates that are one line of text: `PEM KEY by ISSUER`, `CA NAME`, `old KEY by …`.
struct FakeInspector: CertificateInspector {
    static func authority(_ name: String, status: Authority.Status = .active) -> Authority {
        Authority(
            id: CertificateID(sha256: FakeIssuer.digest("CA \(name)")), role: .registered,
            subject: "CN=\(name.prefix { $0 != "#" })",
            publicKey: FakeIssuer.fingerprint(Array("CA \(name)".utf8)), pem: "CA \(name)",
            notBefore: ManualClock.start,
            notAfter: ManualClock.start.advanced(bySeconds: 86_400), status: status,
            createdAt: ManualClock.start)
    }

    func inspect(_ pem: String) throws(FleetError) -> InspectedCertificate {
        let words = pem.split(separator: " ").map(String.init)
        guard words.count >= 2, ["PEM", "CA", "old"].contains(words[0]) else {
            throw FleetError(.certificateValidation, "certificate: it is not one PEM block")
        }
        let issuer = words.count == 4 ? words[3] : words[1]
        let life: Int64 = words[0] == "old" ? -1 : 3600
        return InspectedCertificate(
            id: CertificateID(sha256: FakeIssuer.digest(pem)), pem: pem, version: 3,
            serialNumber: "01", issuer: "CN=\(issuer.prefix { $0 != "#" })",
            subject: "CN=\(words[1])", subjectAttributes: [:],
            publicKey: FakeIssuer.fingerprint(Array(words[1].utf8)),
            notBefore: ManualClock.start,
            notAfter: ManualClock.start.advanced(bySeconds: life), subjectKeyID: nil,
            authorityKeyID: nil, isAuthority: words[0] == "CA")
    }

    func verify(_ pem: String, issuedBy authorityPEM: String) throws(FleetError) {
        guard pem.split(separator: " ").last == authorityPEM.split(separator: " ").last else {
            throw FleetError(.certificateValidation, "its signature does not verify")
        }
    }
}

/// Direct registrations on doubles.
struct DirectFixture {
    let clock = ManualClock()
    let store: InMemoryFleetStore
    let issuer = FakeIssuer()
    let registration: DirectRegistration
    let alice = Actor(kind: .operator, identity: "alice", sourceAddress: "10.9.9.9")

    init(store wrapped: (any FleetStore)? = nil) {
        self.store = InMemoryFleetStore(clock: self.clock)
        self.registration = DirectRegistration(
            ports: DirectRegistration.Ports(
                store: wrapped ?? self.store, issuer: self.issuer, inspector: FakeInspector(),
                clock: self.clock, entropy: SeededEntropy()),
            realm: .standard)
    }

    func put(_ changes: Change...) async throws {
        _ = try await self.store.commit(
            ChangeSet(action: "test", changes: changes), by: .service("test"))
    }

    func register(
        _ body: String, _ parameters: [String: String] = [:]
    ) async throws(FleetError) -> RegisteredDevice {
        try await self.registration.register(
            RegistrationOrder(
                template: RegistrationOrder.Template(body: body), parameters: parameters),
            by: self.alice)
    }

    func refusal(_ body: String, _ parameters: [String: String] = [:]) async -> FleetError? {
        do throws(FleetError) {
            _ = try await self.register(body, parameters)
            return nil
        } catch { return error }
    }

    func certificate(_ id: CertificateID) -> Certificate? {
        self.store.view([.certificate(id)]).certificate(id)
    }

    func thing(_ name: String) -> Thing? {
        let name = ThingName(checked: name)
        return self.store.view([.thing(name)]).thing(name)
    }

    /// A certificate of the store's own, as CreateKeysAndCertificate over REST makes it.
    func made(
        _ number: Int, status: Certificate.Status = .inactive, kind: Certificate.Kind = .device
    ) async throws -> CertificateID {
        let issued = FakeIssuer.certificate(
            number, key: Array("made \(number)".utf8), at: self.clock.now)
        try await self.put(
            .putCertificate(
                Certificate(
                    issued: issued, kind: kind, status: status, reason: nil, at: self.clock.now)))
        return issued.id
    }
}

/// An operator's template: thing `{Name}`, the certificate as told, policies.
func orderTemplate(
    certificate: String?, overrides: String? = nil, thingOverrides: String? = nil,
    policies: [String] = [], thing: String = #"{"ThingName": {"Ref": "Name"}}"#
) -> String {
    let overrides = overrides.map { #", "OverrideSettings": \#($0)"# } ?? ""
    let thingOverrides = thingOverrides.map { #", "OverrideSettings": \#($0)"# } ?? ""
    var resources = [
        #""thing": {"Type": "AWS::IoT::Thing", "Properties": \#(thing)\#(thingOverrides)}"#
    ]
    if let certificate {
        resources.append(
            #""certificate": {"Type": "AWS::IoT::Certificate", "Properties": \#(certificate)"#
                + overrides + "}")
    }
    for (index, policy) in policies.enumerated() {
        resources.append(#""p\#(index)": {"Type": "AWS::IoT::Policy", "Properties": \#(policy)}"#)
    }
    return """
        {"Parameters": {"Name": {"Type": "String"}, "CSR": {"Type": "String", "Default": "none"},
                        "PEM": {"Type": "String", "Default": ""},
                        "CA": {"Type": "String", "Default": ""},
                        "AWS::IoT::Certificate::Id": {"Type": "String"}},
         "Resources": {\(resources.joined(separator: ","))}}
        """
}

enum Source {
    static let request = #"{"CertificateSigningRequest": {"Ref": "CSR"}}"#
    static let existing = #"{"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}}"#
    static let foreign = #"{"CertificatePem": {"Ref": "PEM"}}"#
    static let foreignOfNamed =
        #"{"CertificatePem": {"Ref": "PEM"}, "CACertificatePem": {"Ref": "CA"}}"#
}
