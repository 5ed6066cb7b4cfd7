import Fleet
import TestSupport
import Testing

@testable import MQTTBroker

/// Devices that come over HTTPS are judged as those who connect.
@Suite(.timeLimit(.minutes(10)))
struct DeviceGateTests {
    private static let topic = "$aws/certificates/create/json"

    private func refusal(
        _ gateway: TestGateway, _ id: CertificateID, _ topics: String...
    ) async -> FleetError? {
        do throws(FleetError) {
            _ = try await gateway.server.admit(
                id, asking: topics, as: "unit", from: "192.0.2.1")
            return nil
        } catch { return error }
    }

    @Test func aPrincipalIsLetInByItsPolicies() async throws {
        let gateway = try await TestGateway()
        let claim = try await gateway.device(
            "claim", kind: .claim,
            allowing: TestPolicy.allow(("Publish", "topic/\(Self.topic)")))
        let id = CertificateID(sha256: claim.digest)
        let publisher = try await gateway.server.admit(
            id, asking: [Self.topic], as: "unit", from: "192.0.2.1")
        #expect(
            publisher
                == Publisher(
                    principal: id, kind: .claim, clientID: "unit", sourceAddress: "192.0.2.1"))
        let other = await self.refusal(
            gateway, id, Self.topic, "$aws/provisioning-templates/x/provision/json")
        #expect(other?.code == .accessDenied)
        #expect(gateway.journal.reasons == [.publishDenied])
        await gateway.stop()
    }

    @Test func whoMayNotConnectMayNotComeThisWay() async throws {
        let gateway = try await TestGateway { $0.renewalGraceSeconds = 600 }
        let stranger = try gateway.authority.issue()
        #expect(
            await self.refusal(gateway, CertificateID(sha256: stranger.digest), Self.topic)?.code
                == .accessDenied)
        let revoked = try await gateway.device("revoked", status: .revoked)
        #expect(
            await self.refusal(gateway, CertificateID(sha256: revoked.digest), Self.topic)?.reason
                == .claimNotActive)
        let device = try await gateway.device()
        let id = CertificateID(sha256: device.digest)
        #expect(await self.refusal(gateway, id, Self.topic) == nil)
        gateway.clock.set(UnixTime(seconds: device.notAfter + 300))
        #expect(await self.refusal(gateway, id, Self.topic)?.reason == .claimNotActive)
        // Within its grace it may have itself renewed.
        #expect(await self.refusal(gateway, id, "$slipway/certificates/renew/json") == nil)
        gateway.clock.set(UnixTime(seconds: device.notBefore - 1))
        #expect(
            await self.refusal(gateway, id, "$slipway/certificates/renew/json")?.reason
                == .claimNotActive)
        await gateway.stop()
    }

    /// Fail closed: a gateway that nobody told whom to believe believes nobody here.
    @Test func withoutATrustNobodyIsRecognized() async throws {
        let gateway = try await TestGateway()
        await #expect(throws: FleetError.self) {
            try await gateway.server.recognize([1, 2, 3], from: "192.0.2.1")
        }
        #expect(gateway.journal.reasons == [.handshakeFailed])
        await gateway.stop()
    }
}
