import Fleet
import TestSupport
import Testing

@testable import ControlPlane

@Suite struct ReportLinkTests {
    private static let path = "/slipway/registration-tasks/\(Samples.taskID(1))/results"
    private let clock = ManualClock()
    private let links: ReportLinks

    init() {
        self.links = ReportLinks(
            secret: Secret(WipedBytes([UInt8](repeating: 7, count: 32))), clock: self.clock)
    }

    private static let stranger = FleetError(.missingAuthenticationToken, "who are you?")

    private func caller(_ target: String, method: String = "GET") async throws -> Caller {
        let parts = target.split(separator: "?", maxSplits: 1)
        let request = SignedRequest(
            method: method, path: String(parts[0]), query: parts.count > 1 ? String(parts[1]) : "",
            headers: [], body: .bytes([]))
        let identify = self.links.orElse { _, _ throws(FleetError) in throw Self.stranger }
        return try await identify(request, "192.0.2.1")
    }

    private func refusal(_ target: String) async throws -> FleetError.Code? {
        do {
            _ = try await self.caller(target)
            return nil
        } catch let error as FleetError { return error.code }
    }

    @Test func aLinkMayBeFollowedForAnHour() async throws {
        let link = self.links.signed(Self.path)
        self.clock.advance(bySeconds: ReportLinks.validSeconds - 1)
        let caller = try await self.caller(link)
        try caller.authorize("slipway:GetRegistrationReport", .everything)
        self.clock.advance(bySeconds: 1)
        #expect(try await self.refusal(link) == .expiredToken)
    }

    @Test func itAllowsNothingElse() async throws {
        let caller = try await self.caller(self.links.signed(Self.path))
        #expect(throws: FleetError.self) {
            try caller.authorize("iot:RegisterThing", .everything)
        }
        #expect(throws: FleetError.self) {
            try caller.authorize("slipway:DescribeRegistrationProgress", .everything)
        }
    }

    @Test func anAlteredLinkIsRefused() async throws {
        let link = self.links.signed(Self.path)
        let other = "/slipway/registration-tasks/\(Samples.taskID(2))/results"
        for altered in [
            link.replacing("results", with: "errors"), link.replacing(Self.path, with: other),
            link + "0", String(link.dropLast()), link.replacing("expires=1", with: "expires=2"),
            "\(Self.path)?expires=9999999999&signature=",
            "\(Self.path)?expires=9999999999&signature=é",
        ] {
            #expect(try await self.refusal(altered) == .invalidSignature, "\(altered)")
        }
        let stranger = ReportLinks(
            secret: Secret(WipedBytes([UInt8](repeating: 8, count: 32))), clock: self.clock)
        #expect(try await self.refusal(stranger.signed(Self.path)) == .invalidSignature)
    }

    /// Whatever is no link is everybody else's business.
    @Test func otherRequestsAreForOthers() async throws {
        let link = self.links.signed(Self.path)
        for target in [
            Self.path, "\(Self.path)?expires=9999999999", "\(Self.path)?signature=00",
            link.replacing("/slipway/registration-tasks", with: "/things"),
        ] {
            #expect(try await self.refusal(target) == .missingAuthenticationToken, "\(target)")
        }
        await #expect(throws: FleetError.self) { _ = try await self.caller(link, method: "PUT") }
    }
}
