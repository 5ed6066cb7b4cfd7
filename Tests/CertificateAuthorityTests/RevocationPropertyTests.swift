import Foundation
import SwiftASN1
import TestSupport
import Testing

@testable import CertificateAuthority
@testable import Fleet

/// Nothing that was revoked and has not ended ever leaves the next CRL, whatever else happens.
@Suite struct RevocationPropertyTests {
    fileprivate static let life: Int64 = 86_400

    /// What the fleet did, as simply as it can be said.
    private struct Model {
        struct Revoked {
            let end: UnixTime
            var reason: RevocationReason
            let id: CertificateID
        }
        var revoked: [String: Revoked] = [:]

        /// Serial numbers that must be on a list made at `now`.
        func due(_ now: UnixTime) -> Set<String> {
            Set(self.revoked.filter { $0.value.end >= now }.keys)
        }
    }

    /// Serial numbers on a list in hex, with their reasons' codes.
    private func entries(_ der: [UInt8]) throws -> [String: UInt8] {
        struct NoList: Error {}
        guard var list = DERFields(try DER.parse(der)), let body = list.next(.sequence),
            var fields = DERFields(body), fields.next(.integer) != nil,
            fields.next(.sequence) != nil, fields.next(.sequence) != nil,
            fields.next(.utcTime) != nil, fields.next(.utcTime) != nil
        else { throw NoList() }
        guard let revoked = fields.next(.sequence), var items = DERFields(revoked) else {
            return [:]
        }
        var found: [String: UInt8] = [:]
        while let item = items.next() {
            guard var parts = DERFields(item), let serial = parts.next(.integer)?.primitiveBytes,
                parts.next(.utcTime) != nil
            else { throw NoList() }
            let reason = parts.next(.sequence)?.encodedBytes.last ?? 0
            let text = serial.drop { $0 == 0 }.map { String(format: "%02x", $0) }.joined()
            #expect(found.updateValue(reason, forKey: text) == nil, "\(text) is there twice")
        }
        return found
    }

    /// A fleet, what it should say, and the service that says it.
    private struct Course {
        let deployment: Deployment
        let clock = ManualClock(noon)
        let store: InMemoryFleetStore
        let random: SeededEntropy
        var authority: RevocationAuthority
        var model = Model()
        private var made = 0

        init(seed: UInt64) throws {
            self.deployment = try Deployment.shared.get()
            self.store = InMemoryFleetStore(clock: self.clock)
            self.random = SeededEntropy(seed)
            self.authority = try Self.started(self.deployment, self.store, self.clock)
        }

        private static func started(
            _ deployment: Deployment, _ store: InMemoryFleetStore, _ clock: ManualClock
        ) throws -> RevocationAuthority {
            var settings = RevocationAuthority.Settings()
            settings.lifeSeconds = RevocationPropertyTests.life
            settings.publication = try RevocationPublication(url: "http://127.0.0.1", shards: 4)
            return try RevocationAuthority(
                authority: deployment.openIssuing(), store: store, clock: clock,
                entropy: SeededEntropy(9), settings: settings)
        }

        private func commit(_ change: Change) async throws {
            _ = try await self.store.commit(
                ChangeSet(action: "Test", changes: [change]), by: .service("test"))
            await self.authority.note()
        }

        private mutating func revoke() async throws {
            let octets =
                [UInt8(self.random.below(255) + 1)]
                + self.random.bytes(count: self.random.below(19))
            let serial = octets.map { String(format: "%02x", $0) }.joined()
            guard self.model.revoked[serial] == nil else { return }
            self.made += 1
            let reasons = RevocationReason.allCases
            let record = Revocation(
                certificate: Samples.certificateID(self.made),
                issuerID: self.deployment.issuing.certificate.id, serialNumber: serial,
                notAfter: self.clock.now.advanced(bySeconds: Int64(self.random.below(400_000))),
                reason: reasons[self.random.below(reasons.count)], revokedAt: self.clock.now)
            self.model.revoked[serial] = Model.Revoked(
                end: record.notAfter, reason: record.reason, id: record.certificate)
            try await self.commit(.putRevocation(record))
        }

        private mutating func release() async throws {
            guard let (serial, entry) = self.model.revoked.randomElement(using: self.random)
            else { return }
            // Only a hold can be taken back.
            if entry.reason == .certificateHold { self.model.revoked[serial] = nil }
            try await self.commit(.releaseHold(entry.id))
        }

        mutating func step() async throws {
            switch self.random.below(8) {
            case 0, 1, 2: try await self.revoke()
            case 3: try await self.release()
            case 4:
                // A certificate that is gone, or never was here, changes nothing of it.
                if let (_, entry) = self.model.revoked.randomElement(using: self.random) {
                    try? await self.commit(.deleteCertificate(entry.id))
                }
            case 5: self.authority = try Self.started(self.deployment, self.store, self.clock)
            case 6:
                self.clock.set(
                    self.clock.now.advanced(bySeconds: Int64(self.random.below(50_000))))
            default: break
            }
        }

        func list(_ shard: Int?) async throws -> [UInt8] {
            let stem = self.authority.listName.dropLast(".crl".count)
            let name = shard.map { "\(stem)-\($0)of4.crl" } ?? self.authority.listName
            return try #require(try await self.authority.list(named: name)).der
        }
    }

    @Test(arguments: [11, 12, 13, 14] as [UInt64])
    func whatIsRevokedStaysOnEveryListUntilItEnds(seed: UInt64) async throws {
        var course = try Course(seed: seed)
        for _ in 0..<120 {
            try await course.step()
            let due = course.model.due(course.clock.now)
            let whole = try self.entries(await course.list(nil))
            #expect(due.isSubset(of: whole.keys), "seed \(seed)")
            // What was released, or never revoked, is not on it.
            #expect(Set(whole.keys).isSubset(of: course.model.revoked.keys), "seed \(seed)")
            for (serial, reason) in whole {
                #expect(
                    course.model.revoked[serial]?.reason.code == reason, "seed \(seed): \(serial)")
            }
            var parts: Set<String> = []
            for shard in 0..<4 {
                let found = try self.entries(await course.list(shard))
                #expect(parts.isDisjoint(with: found.keys), "an entry is on two shards")
                parts.formUnion(found.keys)
            }
            #expect(due.isSubset(of: parts), "seed \(seed)")
        }
    }
}

extension Dictionary {
    fileprivate func randomElement(using random: SeededEntropy) -> Element? {
        guard !self.isEmpty else { return nil }
        return self[self.index(self.startIndex, offsetBy: random.below(self.count))]
    }
}
