import Crypto
import MQTT
import Synchronization
import Testing

@testable import DeviceSimulation

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Whole devices over real mutual TLS, against a gateway whose answers are scripted.
@Suite struct FleetSimulationTests {
    private func run(
        _ gateway: ScriptedGateway, devices: Int,
        _ change: (inout SimulationOptions) -> Void = { _ in }
    ) async throws -> SimulationReport {
        var options = try gateway.options(devices: devices)
        change(&options)
        return try await FleetSimulation(options: options, clock: ContinuousClock()).run()
    }

    @Test(arguments: ProtocolVersion.allCases, SimulatedFlow.allCases)
    func everyDeviceGetsItsIdentity(version: ProtocolVersion, flow: SimulatedFlow) async throws {
        let gateway = try await ScriptedGateway()
        let report = try await self.run(gateway, devices: 6) {
            $0.version = version
            $0.flow = flow
            $0.concurrency = 3
        }
        #expect(report.isComplete, "\(report.text)")
        #expect(report.attempts == 6)
        #expect(report.steps.map(\.step) == SimulationStep.allCases.filter { $0 != .renew })
        #expect(report.steps.allSatisfy { $0.count == 6 })
        let journal = gateway.journal.value
        #expect(journal.connections == 12)
        #expect(Set(journal.registered.values).count == 6)
        #expect(journal.published.contains("devices/pump-SN-0006/hello"))
        #expect(journal.clientIDs.count { $0.hasPrefix("pump-SN-") } == 6)
        try await gateway.stop()
    }

    @Test func refusedDevicesFailWithTheServicesReason() async throws {
        let gateway = try await ScriptedGateway { topic, count in
            topic.contains("/provision/") && count == 0
                ? .rejected(403, "AccessDenied") : .normal
        }
        let report = try await self.run(gateway, devices: 3) { $0.concurrency = 1 }
        #expect(report.provisioned == 2)
        #expect(
            report.failures == [
                FailureCount(
                    reason: "register: rejected 403 AccessDenied", count: 1, example: "scripted")
            ])
        try await gateway.stop()
    }

    @Test(
        arguments: [
            (.close, "create: connection lost"),
            (.rejected(500, "InternalFailure"), "create: rejected 500 InternalFailure"),
            (.rejected(429, "TooManyRequests"), "create: rejected 429 TooManyRequests"),
            (.foreignBytes, "create: malformed answer"),
        ] as [(ScriptedGateway.Answer, String)])
    func deviceGetsOverAPassingFault(answer: ScriptedGateway.Answer, reason: String) async throws {
        let gateway = try await ScriptedGateway { topic, count in
            topic.contains("/create") && count == 0 ? answer : .normal
        }
        let report = try await self.run(gateway, devices: 1)
        #expect(report.isComplete, "\(report.text)")
        #expect(report.attempts == 2)
        #expect(report.setbacks.map(\.reason) == [reason])
        try await gateway.stop()
    }

    /// A wrong address is the same for every device: a few tries tell it, not thousands.
    @Test func aGatewayThatLetsNobodyInEndsTheRun() async throws {
        let gateway = try await ScriptedGateway()
        let nobody = try UnansweredPort()
        var absent = try gateway.options(devices: 1000)
        absent.endpoint = nobody.endpoint
        let options = absent
        let report = try await FleetSimulation(options: options, clock: ContinuousClock()).run()
        #expect(report.provisioned == 0)
        #expect(report.attempts <= options.attemptsMax * options.concurrency)
        #expect(
            report.failures.first?.example == "\(options.endpoint): Connection refused")
        let counted = report.failures.map(\.count).reduce(0, +)
        #expect(counted == 1000)
        #expect(report.failures.last?.reason == "not begun")
        withExtendedLifetime(nobody) {}
        try await gateway.stop()
    }

    @Test func aStoppedRunReportsWhatWasDone() async throws {
        let gateway = try await ScriptedGateway()
        var options = try gateway.options(devices: 100_000)
        options.concurrency = 2
        let limited = options
        let (some, continuation) = AsyncStream.makeStream(of: Void.self)
        let run = Task {
            try await FleetSimulation(options: limited, clock: ContinuousClock()).run { _ in
                continuation.yield()
            }
        }
        for await _ in some { break }
        run.cancel()
        let report = try await run.value
        #expect(report.provisioned >= 1)
        #expect(report.failures.map(\.count).reduce(0, +) == report.failed)
        try await gateway.stop()
    }

    @Test func silenceEndsAtTheDeadline() async throws {
        let gateway = try await ScriptedGateway { _, _ in .silence }
        let report = try await self.run(gateway, devices: 1) {
            // Long enough for a busy machine to come as far as the create call.
            $0.stepSecondsMax = 15
            $0.attemptsMax = 1
        }
        #expect(report.failures.map(\.reason) == ["create: no answer in time"])
        try await gateway.stop()
    }

    /// A token that the service no longer knows sends the device back to the create call.
    @Test func lostTokenLeadsToANewCertificate() async throws {
        let gateway = try await ScriptedGateway { topic, count in
            topic.contains("/provision/") && count == 0
                ? .rejected(400, "InvalidCertificateOwnershipToken") : .normal
        }
        let report = try await self.run(gateway, devices: 1)
        #expect(report.isComplete, "\(report.text)")
        #expect(gateway.journal.value.tokensIssued == 2)
        try await gateway.stop()
    }

    @Test(arguments: SimulatedFlow.allCases)
    func devicesSurvivePowerCutsAtEveryPoint(flow: SimulatedFlow) async throws {
        let gateway = try await ScriptedGateway()
        let report = try await self.run(gateway, devices: 40) {
            $0.flow = flow
            $0.powerCutPercent = 100
        }
        #expect(report.isComplete, "\(report.text)")
        #expect(report.setbacks.isEmpty, "\(report.text)")
        #expect(report.powerCuts == 320)
        #expect(Set(gateway.journal.value.registered.values).count == 40)
        try await gateway.stop()
    }

    @Test func foreignGatewayIsNotTrusted() async throws {
        let gateway = try await ScriptedGateway()
        let stranger = try TestAuthority()
        let report = try await self.run(gateway, devices: 1) {
            $0.trustAnchorsPEM = Array(stranger.rootPEM.utf8)
            $0.attemptsMax = 1
        }
        #expect(
            report.failures.map(\.reason) == ["claim-connect: TLS handshake failed"],
            "\(report.text)")
        try await gateway.stop()
    }

    @Test func foreignClaimIsRefused() async throws {
        let gateway = try await ScriptedGateway()
        let stranger = try TestAuthority()
        let report = try await self.run(gateway, devices: 1) {
            $0.claim = Credentials(
                certificatePEM: Array(stranger.claim.pem.utf8),
                privateKeyPEM: Array(stranger.claim.key.pemRepresentation.utf8))
            $0.attemptsMax = 1
        }
        #expect(report.provisioned == 0)
        #expect(report.failures.map(\.count) == [1])
        try await gateway.stop()
    }

    @Test func absentGatewayIsUnreachable() async throws {
        let gateway = try await ScriptedGateway()
        let nobody = try UnansweredPort()
        let report = try await self.run(gateway, devices: 1) {
            $0.endpoint = nobody.endpoint
            $0.attemptsMax = 1
        }
        #expect(report.failures.map(\.reason) == ["claim-connect: endpoint unreachable"])
        withExtendedLifetime(nobody) {}
        try await gateway.stop()
    }

    @Test func unusableClaimEndsTheRunBeforeItBegins() async throws {
        let options = try Sample.options()
        await #expect(throws: SimulationError.self) {
            try await FleetSimulation(options: options, clock: ContinuousClock()).run()
        }
    }

    @Test func progressCountsEveryDevice() async throws {
        let gateway = try await ScriptedGateway()
        let seen = Mutex<[Int]>([])
        let options = try gateway.options(devices: 5)
        _ = try await FleetSimulation(options: options, clock: ContinuousClock()).run { progress in
            seen.withLock { $0.append(progress.finished) }
        }
        #expect(seen.withLock { $0 } == [1, 2, 3, 4, 5])
        try await gateway.stop()
    }

    @Test func onlyConnectingProvisionsNothing() async throws {
        let gateway = try await ScriptedGateway()
        let report = try await self.run(gateway, devices: 4) { $0.connectsOnly = true }
        #expect(report.isComplete)
        #expect(report.steps.map(\.step) == [.claimConnect, .total])
        #expect(gateway.journal.value.published.isEmpty)
        try await gateway.stop()
    }

    @Test func credentialsAreForTheirOwnerOnly() async throws {
        let gateway = try await ScriptedGateway()
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "simulated-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let report = try await self.run(gateway, devices: 2) { $0.outputFolder = folder.path }
        #expect(report.isComplete, "\(report.text)")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(
            names == [
                "pump-SN-0001.key", "pump-SN-0001.pem", "pump-SN-0002.key", "pump-SN-0002.pem",
            ])
        for name in names {
            let attributes = try FileManager.default.attributesOfItem(
                atPath: folder.appending(path: name).path)
            #expect(attributes[.posixPermissions] as? UInt == 0o600)
        }
        try await gateway.stop()
    }
}
