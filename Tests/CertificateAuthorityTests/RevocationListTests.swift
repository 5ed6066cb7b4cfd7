import Foundation
import TestSupport
import Testing

@testable import CertificateAuthority
@testable import Fleet

/// Lists as the service signs them, judged by OpenSSL.
@Suite struct RevocationListTests {
    private let deployment: Deployment
    private let clock = ManualClock(noon)
    private let store: InMemoryFleetStore

    init() throws {
        self.deployment = try Deployment.shared.get()
        self.store = InMemoryFleetStore(clock: self.clock)
    }

    /// The service anew, as after a restart: what it remembers is in the store.
    private func started() throws -> RevocationAuthority {
        try RevocationAuthority(
            authority: self.deployment.openIssuing(), store: self.store, clock: self.clock,
            entropy: SeededEntropy(3), settings: RevocationAuthority.Settings())
    }

    private func revoke(_ numbers: ClosedRange<Int>) async throws {
        let issuer = self.deployment.issuing.certificate.id
        let reasons = RevocationReason.allCases
        let changes = numbers.map { number in
            Change.putRevocation(
                Revocation(
                    certificate: Samples.certificateID(number), issuerID: issuer,
                    serialNumber: String(format: "%08x", 0x7FFF_FF00 + number),
                    notAfter: noon.advanced(bySeconds: 1_000_000),
                    reason: reasons[number % reasons.count],
                    revokedAt: noon.advanced(bySeconds: Int64(number / 3))))
        }
        _ = try await self.store.commit(
            ChangeSet(action: "Test", changes: changes), by: .service("test"))
    }

    private func list(_ authority: RevocationAuthority) async throws -> [UInt8] {
        try #require(try await authority.list(named: authority.listName)).der
    }

    private func number(_ der: [UInt8]) throws -> Int64 {
        let name = try #require(Data(der).range(of: Data([0x06, 0x03, 0x55, 0x1D, 0x14, 0x04])))
        // OCTET STRING, INTEGER: their lengths take an octet each.
        let content = der[name.upperBound...].dropFirst(1).dropFirst(2)
        let length = Int(der[name.upperBound]) - 2
        return content.prefix(length).reduce(0) { $0 << 8 | Int64($1) }
    }

    /// RFC 5280 5.2.3.
    @Test func numberRisesOverARestartWithTheClockSetBack() async throws {
        var authority = try self.started()
        let first = try await self.number(self.list(authority))
        #expect(first == noon.milliseconds)
        self.clock.set(noon.advanced(bySeconds: -3600))
        authority = try self.started()
        let second = try await self.number(self.list(authority))
        #expect(second == first + 1)
        await authority.note()
        #expect(try await self.number(self.list(authority)) == second + 1)
        self.clock.set(noon.advanced(bySeconds: 3600))
        authority = try self.started()
        #expect(
            try await self.number(self.list(authority)) == noon.milliseconds + 3_600_000)
    }

    @Test func listIsKeptWhileItIsTrueAndYoung() async throws {
        let authority = try self.started()
        let first = try await self.list(authority)
        self.clock.set(noon.advanced(bySeconds: 43_200))
        #expect(try await self.list(authority) == first)
        self.clock.set(noon.advanced(bySeconds: 43_201))
        #expect(try await self.number(self.list(authority)) > self.number(first))
    }

    /// A full disk takes no number, so no list is signed. The one at hand is true until it ends,
    /// or until somebody is revoked.
    @Test func diskThatRefusesLeavesATrueListServed() async throws {
        let authority = try self.started()
        let first = try await self.list(authority)
        let full = FleetError(.serviceUnavailable, "the disk is full")
        self.clock.set(noon.advanced(bySeconds: 50_000))
        self.store.failNextCommits(full)
        #expect(try await self.list(authority) == first)
        self.clock.set(noon.advanced(bySeconds: 86_400))
        self.store.failNextCommits(full)
        await #expect(throws: full) { try await self.list(authority) }
        let second = try await self.list(authority)
        #expect(try self.number(second) > self.number(first))
        await authority.note()
        self.store.failNextCommits(full)
        await #expect(throws: full) { try await self.list(authority) }
        #expect(try await self.number(self.list(authority)) > self.number(second))
    }

    @Test func manyWhoAskAtOnceGetOneList() async throws {
        try await self.revoke(1...500)
        let authority = try self.started()
        let lists = try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<20 { group.addTask { try await self.list(authority) } }
            return try await group.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
        }
        #expect(lists.count == 1)
    }

    @Test(arguments: [0, 1, 2, 700])
    func opensslReadsEveryEntry(count: Int) async throws {
        if count > 0 { try await self.revoke(1...count) }
        let folder = try CertificateAuthorityTests.TemporaryFolder()
        let der = try await self.list(try self.started())
        try Data(der).write(to: URL(fileURLWithPath: folder.path + "/list.der"))
        try folder.write("root.pem", self.deployment.root.certificatePEM)
        try folder.write("issuing.pem", self.deployment.issuing.certificatePEM)
        let text = try folder.openssl(
            "crl", "-inform", "DER", "-in", "list.der", "-noout", "-text")
        #expect(text.components(separatedBy: "Serial Number: ").count - 1 == count)
        if count == 700 {
            // On both sides of 0x80000000: with and without the octet that keeps it positive.
            #expect(text.contains("Serial Number: 7FFFFFFF\n"))
            #expect(text.contains("Serial Number: 80000000\n"))
        }
        try folder.openssl(
            "crl", "-inform", "DER", "-in", "list.der", "-noout", "-CAfile", "issuing.pem")
    }
}
