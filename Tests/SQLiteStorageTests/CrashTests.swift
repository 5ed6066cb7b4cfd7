import Fleet
import Foundation
import SQLiteStorage
import TestSupport
import Testing

/// Dies at each named step of the writer, as a power cut would have it, and looks at what is left.
@Suite struct CrashTests {
    /// What is on the disk after dying during the fourth commit, and before it was answered.
    /// Anchors A4 row 20.
    @Test(arguments: [
        (CrashPoint.beforeTransaction, 3), (.afterApply, 3), (.afterStorageCommit, 4),
    ])
    func whatWasAnsweredIsThereAndNothingIsHalfThere(
        point: CrashPoint, kept: Int
    ) async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("fleet.db")
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [path = path as String, name = point.rawValue as String] in
            setenv("SLIPWAY_CRASH_AT", name, 1)
            setenv("SLIPWAY_CRASH_AFTER", "4", 1)
            let store = try SQLiteFleetStore.open(
                path: path, mode: .exclusive, clock: ManualClock())
            for number in 1...10 {
                try await store.make(
                    .putThing(Samples.thing(number)),
                    .putCertificate(Samples.certificate(number)),
                    .attachThingPrincipal(Samples.principal(number, number)))
            }
        }
        let store = try SQLiteFleetStore.open(path: path, mode: .exclusive, clock: ManualClock())
        #expect(try await store.latestSequence() == Commit.Sequence(kept))
        #expect(try await store.verifyAudit().isIntact)
        #expect(try await store.checkIntegrity() == [])
        for number in 1...10 {
            let view = try await store.load([
                .thing(Samples.thingName(number)), .certificate(Samples.certificateID(number)),
                .principalsOfThing(Samples.thingName(number)),
            ])
            #expect((view.thing(Samples.thingName(number)) != nil) == (number <= kept))
            #expect((view.certificate(Samples.certificateID(number)) != nil) == (number <= kept))
            #expect(view.principalsOfThing(Samples.thingName(number)).isEmpty == (number > kept))
        }
        #expect(
            try await store.make(.putThing(Samples.thing(11))).sequence
                == Commit.Sequence(kept + 1))
        await store.close()
    }

    @Test func aCrashPointThatDoesNotExistEndsTheProcess() async {
        await #expect(processExitsWith: .exitCode(64)) {
            setenv("SLIPWAY_CRASH_AT", "afterLunch", 1)
            CrashPoint.reached(.afterSign)
        }
    }
}
