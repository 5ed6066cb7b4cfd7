import Testing

@testable import DeviceSimulation

/// Which devices of a run go wrong: as many of a hundred as was asked for.
@Suite struct DeviceRoleTests {
    private func options(
        devices: Int = 1000, scans: Int = 0, clones: Int = 0
    ) throws -> SimulationOptions {
        var options = SimulationOptions(
            endpoint: try Endpoint(parsing: "127.0.0.1"),
            claim: Credentials(certificatePEM: [], privateKeyPEM: []), template: "t",
            serials: try SerialNumbers(pattern: "{n}"), devices: devices)
        options.doubleScanPercent = scans
        options.clonePercent = clones
        return options
    }

    private func roles(_ options: SimulationOptions) -> [DeviceRole] {
        (0..<options.devices).map { DeviceRole.of($0, options) }
    }

    @Test(arguments: [(0, 0), (1, 0), (5, 0), (50, 0), (0, 3), (0, 50), (20, 30), (2, 1)])
    func asManyOfAHundredAsWasAskedFor(scans: Int, clones: Int) throws {
        let options = try self.options(scans: scans, clones: clones)
        try options.validate()
        let roles = self.roles(options)
        #expect(roles.count { $0 == .scannedAgain } == 10 * scans)
        #expect(roles.count { $0 == .copy } == 10 * clones)
        #expect(roles.count { $0 == .original } == 10 * (scans + clones))
        for (index, role) in roles.enumerated() where role == .scannedAgain || role == .copy {
            #expect(roles[index - 1] == .original)
            #expect(role.sharesSerial(at: index, options) == (role == .scannedAgain))
            #expect(
                roles[index - 1].sharesSerial(at: index - 1, options) == (role == .scannedAgain))
        }
    }

    /// Percent are of whatever devices there are, and what was asked for is played.
    @Test(arguments: [
        (40, 0, 20, 0, 8), (60, 10, 0, 6, 0), (60, 0, 10, 0, 6), (10, 0, 1, 0, 1),
        (2, 1, 0, 1, 0), (3, 0, 50, 0, 1), (4, 49, 1, 1, 1), (10, 25, 25, 3, 2),
        (250, 5, 2, 13, 5), (99, 20, 30, 20, 29),
    ])
    func fewDevicesHaveTheirShareToo(
        devices: Int, scans: Int, clones: Int, scanned: Int, copied: Int
    ) throws {
        let options = try self.options(devices: devices, scans: scans, clones: clones)
        try options.validate()
        let roles = self.roles(options)
        #expect(roles.count { $0 == .scannedAgain } == scanned)
        #expect(roles.count { $0 == .copy } == copied)
        #expect(roles.count { $0 == .original } == scanned + copied)
    }

    @Test(arguments: [(1, 1, 0), (1, 0, 1), (2, 1, 1), (3, 25, 25)])
    func aRunTooSmallForWhatWasAskedIsRefused(devices: Int, scans: Int, clones: Int) throws {
        let options = try self.options(devices: devices, scans: scans, clones: clones)
        #expect(throws: SimulationError.self) { try options.validate() }
    }

    @Test func theLastDeviceHasNoneAfterIt() throws {
        let options = try self.options(devices: 1, scans: 50)
        #expect(self.roles(options) == [.honest])
    }

    @Test(arguments: [(-1, 0), (0, -1), (51, 0), (0, 51), (30, 21)])
    func morePairsThanThereAreAreRefused(scans: Int, clones: Int) throws {
        let options = try self.options(scans: scans, clones: clones)
        #expect(throws: SimulationError.self) { try options.validate() }
    }

    @Test func aCopiedImageNeedsAKeyOfItsOwn() throws {
        var options = try self.options(clones: 1)
        options.flow = .keys
        #expect(throws: SimulationError.self) { try options.validate() }
        options.flow = .mixed
        try options.validate()
        options.thinkMillisecondsMax = -1
        #expect(throws: SimulationError.self) { try options.validate() }
        options.thinkMillisecondsMax = 0
        options.budget = -1
        #expect(throws: SimulationError.self) { try options.validate() }
    }

    @Test func imagesBringWhoWaitsAndWhoEndsTogether() async throws {
        let images = FlashImages()
        let identity = DeviceIdentity(
            thingName: "t", credentials: Credentials(certificatePEM: [], privateKeyPEM: []))
        images.finish(4, identity)
        #expect(await images.identity(of: 4)?.thingName == "t")
        async let waiting = images.identity(of: 6)
        images.finish(6, nil)
        let nobody = await waiting
        #expect(nobody?.thingName == nil)
        let key = try images.key(of: 8, commonName: "a")
        #expect(try images.key(of: 8, commonName: "b").privateKeyPEM == key.privateKeyPEM)
    }
}
