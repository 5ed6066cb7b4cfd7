import Fleet
import Foundation
import TestSupport
import Testing

@testable import MQTTBroker

/// TLS resumes sessions without asking anybody again, so the gateway must. NIOSSL's own client
/// cannot resume; openssl can.
@Suite(.timeLimit(.minutes(10)))
struct ResumptionTests {
    @Test(arguments: ["-tls1_2", "-tls1_3"])
    func resumedSessionIsJudgedAgain(version: String) async throws {
        let folder = try TemporaryFolder()
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        for (name, text) in [
            ("device.pem", device.certificatePEM), ("device.key", device.keyPEM),
            ("anchors.pem", gateway.authority.anchorsPEM),
        ] {
            try folder.write(text, to: name)
        }
        let first = try await self.client(
            version, at: gateway, in: folder, session: "-sess_out",
            until: { gateway.server.counters.connectionsAccepted == 1 })
        #expect(!first.contains("Reused"))
        let second = try await self.client(
            version, at: gateway, in: folder, session: "-sess_in",
            until: { gateway.server.counters.connectionsAccepted == 2 })
        #expect(second.contains("Reused"))
        try await gateway.commit(
            .setCertificateStatus(
                CertificateID(sha256: device.digest), .revoked, reason: nil,
                at: gateway.clock.now))
        let third = try await self.client(
            version, at: gateway, in: folder, session: "-sess_in",
            until: {
                gateway.server.counters.connectionsRefused["certificate-revoked"] == 1
            })
        #expect(third.contains("Reused"))
        #expect(gateway.server.counters.connectionsAccepted == 2)
        await gateway.stop()
    }

    /// Connects, sends a CONNECT, and hangs up once `isDone`.
    private func client(
        _ version: String, at gateway: TestGateway, in folder: TemporaryFolder, session: String,
        until isDone: () -> Bool
    ) async throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        process.arguments = [
            "openssl", "s_client", version, "-connect", "127.0.0.1:\(gateway.listeningPort)",
            "-cert", "device.pem", "-key", "device.key", "-CAfile", "anchors.pem", session,
            "session.pem",
        ]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        // MQTT 3.1.1 CONNECT, clean session, client id "r".
        let connect: [UInt8] = [
            0x10, 0x0D, 0x00, 0x04, 0x4D, 0x51, 0x54, 0x54, 0x04, 0x02, 0x00, 0x3C, 0x00, 0x01,
            0x72,
        ]
        try input.fileHandleForWriting.write(contentsOf: Data(connect))
        while !isDone() { await Task.yield() }
        try input.fileHandleForWriting.close()
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return String(decoding: text, as: UTF8.self)
    }
}
