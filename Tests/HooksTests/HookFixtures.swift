import Fleet
import Glibc
import JSON

@testable import Hooks

/// What most tests of hooks begin with.
enum HookFixtures {
    static func script(_ source: String, name: String = "probe") throws -> HookScript {
        // The digest is not looked at by what is tested here.
        HookScript(
            name: try HookName(name), source: source, digest: String(repeating: "0", count: 64),
            createdAt: UnixTime(seconds: 0))
    }

    static func request(
        parameters: JSONObject = ["SerialNumber": "unit-1"], clientID: String = "client-1"
    ) throws -> HookRequest {
        HookRequest(
            claimCertificateID: try CertificateID(String(repeating: "a", count: 64)),
            certificateID: try CertificateID(String(repeating: "b", count: 64)),
            certificatePEM: "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
            templateARN: Realm.standard.template(try TemplateName("demo-sensor")),
            clientID: clientID, parameters: parameters, time: UnixTime(seconds: 1_800_000_000))
    }

    /// A deadline that no busy machine reaches: what ends here ends for another reason.
    static let deadlineMilliseconds = 1_200_000

    static var settings: HookSettings {
        HookSettings(
            workers: 1, deadlineMilliseconds: Self.deadlineMilliseconds,
            waitMillisecondsMax: Self.deadlineMilliseconds)
    }

    /// Runs the script in this process, without a worker around it.
    static func runHere(
        _ source: String, parameters: JSONObject = [:], settings: HookSettings? = nil,
        lookup: HookSandbox.Lookup = { _ in nil }
    ) throws -> SandboxResult {
        let call = WorkerCall(
            script: try Self.script(source), request: try Self.request(parameters: parameters),
            settings: settings ?? Self.settings)
        return HookSandbox.run(call, lookup: lookup)
    }

    /// The value a script's `return` gives, as JSON text, or its error after "! ".
    static func evaluate(_ body: String) throws -> String {
        let result = try Self.runHere("return function(request) \(body) end")
        let text = String(decoding: result.text, as: UTF8.self)
        return result.status == .returned ? text : "! " + text
    }

    /// The executable under test, which is built beside the test bundle.
    static let program: HookPool.Program = {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = max(0, readlink("/proc/self/exe", &buffer, buffer.count - 1))
        let path = String(
            decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        return HookPool.Program(path: folder.joined(separator: "/") + "/slipway")
    }()

    static func pool(
        _ settings: HookSettings? = nil, lookup: any AllowlistLookup = FixedAllowlist()
    ) -> HookPool {
        HookPool(settings: settings ?? Self.settings, program: Self.program, lookup: lookup)
    }
}

/// An allowlist "demo" in version 7 with the serials given.
struct FixedAllowlist: AllowlistLookup {
    var serials: Set<String> = ["unit-1"]
    var failure: FleetError?

    func contains(
        _ list: AllowlistName, _ serial: String
    ) async throws(FleetError) -> (found: Bool, version: Int?) {
        if let failure = self.failure { throw failure }
        guard list.rawValue == "demo" else { return (false, nil) }
        return (self.serials.contains(serial), 7)
    }
}
