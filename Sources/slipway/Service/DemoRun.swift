import Fleet
import Foundation
import JSON
import MQTTBroker
import SQLiteStorage
import ServiceLifecycle

/// What `slipway up` shows: devices provisioned by `slipway simulate`, a process of its own that
/// sees nothing of this one but its port, and then the lines to try next.
struct DemoRun: Sendable {
    let composition: Composition
    let address: BoundAddress

    private var installation: Installation { self.composition.installation }

    func provision(_ count: Int) async {
        do throws(FleetError) {
            let serials = try await self.freshSerials(count)
            guard !serials.isEmpty else {
                if count > 0 {
                    Terminal.say(
                        "every demo serial number is provisioned; add more with "
                            + "'slipway allowlist add \(DemoLine.allowlist) SERIAL'")
                }
                return
            }
            let report = try await self.simulate(serials)
            self.tell(report)
            if report["provisioned"]?.intValue ?? 0 > 0 { self.tellNext(serials[0]) }
        } catch {
            Terminal.complain("slipway: the demo devices were not provisioned: \(error.message)")
        }
    }

    /// The first demo serial numbers that have no thing yet.
    private func freshSerials(_ count: Int) async throws(FleetError) -> [String] {
        var fresh: [String] = []
        for serial in DemoLine.serials {
            guard fresh.count < count else { break }
            let thing = try ThingName(DemoLine.thing(serial))
            let view = try await self.composition.store.load([.thing(thing)])
            if view.thing(thing) == nil { fresh.append(serial) }
        }
        return fresh
    }

    private func simulate(_ serials: [String]) async throws(FleetError) -> JSONValue {
        let file = "\(self.installation.data)/demo-run.serials"
        // One that was killed left its own; only one service runs on a folder.
        unlink(file)
        try PrivateFile.create(file, (serials.joined(separator: "\n") + "\n").utf8)
        defer { unlink(file) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Composition.ownPath)
        process.arguments = [
            "simulate", "--json", "--devices", String(serials.count), "--flow", "mixed",
            "--template", DemoLine.template, "--endpoint", self.address.description,
            "--claim-cert", self.installation.claimCertificate,
            "--claim-key", self.installation.claimKey,
            "--ca", self.installation.rootCertificate, "--serials", file,
            "--out", self.installation.demoDevices,
        ]
        let output = Pipe()
        process.standardOutput = output
        let text = try await Self.output(of: process, output)
        do throws(JSONError) { return try JSONParser.parse(text) } catch {
            throw FleetError(
                .internalFailure, "'slipway simulate' printed no report; see the lines above")
        }
    }

    private static func output(
        of process: Process, _ pipe: Pipe
    ) async throws(FleetError) -> [UInt8] {
        do { try process.run() } catch {
            throw FleetError(.internalFailure, "'slipway simulate' did not start: \(error)")
        }
        let handle = pipe.fileHandleForReading
        // A service that is asked to stop does not wait for its demonstration.
        return await withGracefulShutdownHandler {
            await withCheckedContinuation { continuation in
                Thread.detachNewThread {
                    continuation.resume(returning: [UInt8](handle.readDataToEndOfFile()))
                }
            }
        } onGracefulShutdown: {
            process.terminate()
        }
    }

    /// One line a kind of device.
    private func tell(_ report: JSONValue) {
        for kind in report["kinds"]?.objectValue?.members ?? [] {
            let name = kind.key == "csr" ? "by CSR" : "by server-made keys"
            let devices = kind.value["devices"]?.intValue ?? 0
            let provisioned = kind.value["provisioned"]?.intValue ?? 0
            Terminal.say(
                "devices \(name): \(provisioned) of \(devices) provisioned"
                    + Self.steps(kind.value["steps"] ?? nil))
        }
        for failure in report["failures"]?.arrayValue ?? [] {
            Terminal.complain(
                "  \(failure["count"]?.intValue ?? 0) failed: "
                    + "\(failure["reason"]?.stringValue ?? "") "
                    + "(\(failure["example"]?.stringValue ?? ""))")
        }
        Terminal.say("their certificates and keys: \(self.installation.demoDevices)")
    }

    /// What a device waits for, each step's median.
    private static func steps(_ steps: JSONValue) -> String {
        let told = [("connect", "claim-connect"), ("create", "create"), ("register", "register")]
        let texts = told.compactMap { name, key -> String? in
            guard let micro = steps[key]?["p50Microseconds"]?.intValue else { return nil }
            return "\(name) \(micro / 1000).\(micro % 1000 / 100) ms"
        }
        return texts.isEmpty ? "" : " (median " + texts.joined(separator: ", ") + ")"
    }

    private func tellNext(_ serial: String) {
        let thing = DemoLine.thing(serial)
        let stem = "\(self.installation.demoDevices)/\(thing)"
        let topic = "devices/\(thing)/hello"
        Terminal.say(
            """

            Try one of them. With mosquitto_pub (Debian: mosquitto-clients):

              mosquitto_pub -h \(self.address.host) -p \(self.address.port) -i \(thing) -q 1 \
            -t \(topic) -m hello --cafile \(self.installation.rootCertificate) \
            --cert \(stem).pem --key \(stem).key

            With Python (pip install paho-mqtt):

              python3 -c "import paho.mqtt.publish as p; p.single('\(topic)', 'hello', qos=1, \
            hostname='\(self.address.host)', port=\(self.address.port), client_id='\(thing)', \
            tls={'ca_certs': '\(self.installation.rootCertificate)', \
            'certfile': '\(stem).pem', 'keyfile': '\(stem).key'}); print('acknowledged')"

            Where a certificate came from, and how to take it back:

              slipway cert list --directory \(self.installation.root)
              slipway cert show ID --directory \(self.installation.root)
              slipway cert revoke ID --directory \(self.installation.root)

            """)
    }
}
