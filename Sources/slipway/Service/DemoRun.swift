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

    init(composition: Composition, address: BoundAddress) {
        self.composition = composition
        self.address = address.local
    }

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
            if let serial = serials.first(where: self.isProvisioned) { self.tellNext(serial) }
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

    private func stem(_ serial: String) -> String {
        "\(self.installation.demoDevices)/\(DemoLine.thing(serial))"
    }

    private func isProvisioned(_ serial: String) -> Bool {
        PrivateFile.exists("\(self.stem(serial)).pem")
    }

    /// Lines to be pasted into a shell as they are.
    private func tellNext(_ serial: String) {
        let thing = DemoLine.thing(serial)
        let topic = "devices/\(thing)/hello"
        let authority = self.installation.rootCertificate
        let (certificate, key) = ("\(self.stem(serial)).pem", "\(self.stem(serial)).key")
        let script = """
            import paho.mqtt.publish as p; p.single(\(topic.pythonLiteral), 'hello', qos=1, \
            hostname=\(self.address.host.pythonLiteral), port=\(self.address.port), \
            client_id=\(thing.pythonLiteral), tls={'ca_certs': \(authority.pythonLiteral), \
            'certfile': \(certificate.pythonLiteral), 'keyfile': \(key.pythonLiteral)}); \
            print('acknowledged')
            """
        let slipway = Composition.ownPath.shellWord
        let folder = self.installation.root.shellWord
        Terminal.say(
            """

            Try one of them. With mosquitto_pub (Debian: mosquitto-clients):

              mosquitto_pub -h \(self.address.host) -p \(self.address.port) -i \(thing) -q 1 \
            -t \(topic) -m hello --cafile \(authority.shellWord) \
            --cert \(certificate.shellWord) --key \(key.shellWord)

            With Python (pip install paho-mqtt):

              python3 -c \(script.shellWord)

            Where a certificate came from, and how to take it back:

              \(slipway) cert list --directory \(folder)
              \(slipway) cert show ID --directory \(folder)
              \(slipway) cert revoke ID --directory \(folder)

            """)
    }
}

extension String {
    /// This text as one word of a POSIX shell; in double quotes where it needs any, since the
    /// Python line holds single ones (POSIX.1-2017, Shell Command Language, 2.2.3).
    fileprivate var shellWord: String {
        let plain = "/._-+:=@%,".utf8
        func isPlain(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: plain.contains(byte)
            }
        }
        if !self.isEmpty, self.utf8.allSatisfy(isPlain) { return self }
        let special: Set<Unicode.Scalar> = ["\"", "\\", "$", "`"]
        var quoted = ""
        for scalar in self.unicodeScalars {
            if special.contains(scalar) { quoted.unicodeScalars.append("\\") }
            quoted.unicodeScalars.append(scalar)
        }
        return "\"\(quoted)\""
    }

    /// This text between single quotes, as Python reads it.
    fileprivate var pythonLiteral: String {
        let escaped = self.replacingOccurrences(of: "\\", with: "\\\\")
            .replacingOccurrences(of: "'", with: "\\'")
        return "'\(escaped)'"
    }
}
