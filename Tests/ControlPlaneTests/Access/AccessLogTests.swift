import Fleet
import Foundation
import JSON
import Synchronization
import TestSupport
import Testing

@testable import ControlPlane

@Suite struct AccessLogTests {
    private let folder: TemporaryFolder

    init() throws { self.folder = try TemporaryFolder() }

    private static func entry(
        _ number: Int, target: String = "*", code: FleetError.Code? = nil
    ) -> AccessLogEntry {
        AccessLogEntry(
            time: ManualClock.start, requestID: "request-\(number)",
            actor: Actor(kind: .user, identity: "alice/AKIA1", sourceAddress: "192.0.2.1"),
            sourceAddress: "192.0.2.1", operation: "iot:ListThings",
            target: ARN(rawValue: target),
            outcome: AccessLogEntry.Outcome(
                status: code == nil ? 200 : 403, code: code, microseconds: 250))
    }

    private func log(_ limits: AccessLog.Limits = AccessLog.Limits()) throws -> AccessLog {
        try AccessLog(path: self.folder.file("access.log"), limits: limits) {
            Issue.record("\($0)")
        }
    }

    private func lines(_ name: String = "access.log") throws -> [JSONValue] {
        try String(decoding: self.folder.read(name), as: UTF8.self)
            .split(separator: "\n").map { try JSONParser.parse(String($0)) }
    }

    @Test func aCallIsOneLineOfJSON() throws {
        let log = try self.log()
        log.note(Self.entry(1))
        log.note(Self.entry(2, code: .notAllowed))
        log.close()
        let lines = try self.lines()
        #expect(
            lines == [
                [
                    "time": "2026-11-24T12:00:00.000Z", "request": "request-1",
                    "principalKind": "user", "principal": "alice/AKIA1", "source": "192.0.2.1",
                    "operation": "iot:ListThings", "target": "*", "outcome": "allowed",
                    "status": 200, "microseconds": 250,
                ],
                [
                    "time": "2026-11-24T12:00:00.000Z", "request": "request-2",
                    "principalKind": "user", "principal": "alice/AKIA1", "source": "192.0.2.1",
                    "operation": "iot:ListThings", "target": "*", "outcome": "refused",
                    "status": 403, "code": "AccessDeniedException", "microseconds": 250,
                ],
            ])
    }

    @Test func nobodyAndNothingAreLeftOut() throws {
        let log = try self.log()
        log.note(
            AccessLogEntry(
                time: ManualClock.start, requestID: "r", actor: nil, sourceAddress: nil,
                operation: nil, target: nil,
                outcome: AccessLogEntry.Outcome(
                    status: 403, code: .missingAuthenticationToken, microseconds: 1)))
        log.close()
        let line = try #require(try self.lines().first?.objectValue)
        #expect(line.keys == ["time", "request", "outcome", "status", "code", "microseconds"])
    }

    @Test func aNameCannotForgeALine() throws {
        let log = try self.log()
        log.note(Self.entry(1, target: "a\"}\n{\"operation\":\"forged\"}\u{2028}"))
        log.close()
        let lines = try self.lines()
        #expect(lines.count == 1)
        #expect(lines[0]["target"] == "a\"}\n{\"operation\":\"forged\"}\u{2028}")
    }

    @Test func theFileIsItsOwnersAlone() throws {
        let log = try self.log()
        log.close()
        let attributes = try FileManager.default.attributesOfItem(
            atPath: self.folder.file("access.log"))
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }

    @Test func whatIsThereIsAppendedTo() throws {
        for number in 1...3 {
            let log = try self.log()
            log.note(Self.entry(number))
            log.close()
        }
        #expect(try self.lines().map { $0["request"] } == ["request-1", "request-2", "request-3"])
    }

    @Test func aLargeFileIsFollowedByAnother() throws {
        var limits = AccessLog.Limits()
        limits.fileBytesMax = 1000
        limits.filesMax = 3
        for number in 1...20 {
            let log = try self.log(limits)
            log.note(Self.entry(number))
            log.close()
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: self.folder.path).sorted()
        #expect(names == ["access.log", "access.log.1", "access.log.2"])
        #expect(try self.lines().last?["request"] == "request-20")
        for name in names {
            #expect(try self.folder.read(name).count <= 1000)
            #expect(try !self.lines(name).isEmpty)
        }
    }

    @Test func whatIsTooMuchIsCountedAndTheRestIsWhole() throws {
        var limits = AccessLog.Limits()
        limits.entriesQueuedMax = 10
        let log = try self.log(limits)
        for number in 0..<5000 { log.note(Self.entry(number)) }
        log.close()
        let lines = try self.lines()
        let dropped = lines.compactMap { $0["callsNotLogged"]?.intValue }.reduce(0, +)
        let written = lines.filter { $0["request"] != nil }.count
        #expect(written + dropped == 5000)
        #expect(written >= 10)
    }

    @Test func manyMayNoteAtOnce() async throws {
        let log = try self.log()
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for number in 0..<500 { log.note(Self.entry(task * 500 + number)) }
                }
            }
        }
        log.close()
        #expect(Set(try self.lines().compactMap { $0["request"]?.stringValue }).count == 4000)
    }

    @Test func afterTheEndNothingIsWritten() throws {
        let log = try self.log()
        log.close()
        log.note(Self.entry(1))
        log.close()
        #expect(try self.lines().isEmpty)
    }

    @Test func aFolderThatIsNotThereIsToldAtOnce() {
        #expect(throws: FleetError.self) {
            try AccessLog(path: self.folder.file("no/access.log")) { _ in }
        }
    }

    @Test func aLinkIsNotFollowed() throws {
        let target = try self.folder.write("", to: "target")
        try FileManager.default.createSymbolicLink(
            atPath: self.folder.file("access.log"), withDestinationPath: target)
        #expect(throws: FleetError.self) {
            try AccessLog(path: self.folder.file("access.log")) { _ in }
        }
    }

    /// A full disk: `/dev/full` refuses every write (full(4)).
    @Test func aDiskThatRefusesIsToldOfOnce() throws {
        let told = Mutex(0)
        let log = try AccessLog(path: "/dev/full") { _ in told.withLock { $0 += 1 } }
        for number in 0..<10 { log.note(Self.entry(number)) }
        log.close()
        #expect(told.withLock { $0 } == 1)
    }
}
