import Fleet
import SQLiteStorage
import TestSupport
import Testing

/// The same checks for the real store and for the test double: what one module's tests believe of
/// the double holds for the store.
@Suite struct ConformanceTests {
    @Test(arguments: StorageConformance.checks)
    func sqliteStoreConforms(_ conformance: StorageConformance) async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteFleetStore.open(
            path: folder.file("fleet.db"), mode: .exclusive, clock: ManualClock())
        try await conformance.check(store)
        #expect(try await store.checkIntegrity() == [])
        let report = try await store.verifyAudit()
        #expect(report.isIntact, "\(report.findings)")
        await store.close()
    }

    @Test(arguments: StorageConformance.checks)
    func inMemoryStoreConforms(_ conformance: StorageConformance) async throws {
        try await conformance.check(InMemoryFleetStore())
    }
}
