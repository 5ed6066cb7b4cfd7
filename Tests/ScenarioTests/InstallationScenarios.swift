import Foundation
import Testing

/// `slipway init` and `slipway serve` on good and on bad ground.
@Suite struct InstallationScenarios {
    @Test func initMakesEverythingForItsOwnerAlone() async throws {
        let workshop = try await Workshop().initialized()
        let pki = try workshop.snapshot("pki")
        for name in ["root-ca", "issuing-ca", "gateway", "claim-demo"] {
            for file in ["\(name).pem", "\(name).key"] {
                #expect(pki[file]?.hasPrefix("600 ") == true, "\(file)")
            }
        }
    }

    @Test func initAgainChangesNothing() async throws {
        let workshop = try await Workshop().initialized()
        let before = try workshop.snapshot("pki")
        let audit = try await workshop.slipway("audit", "list").output
        #expect(try await workshop.slipway("init").status == 0)
        #expect(try workshop.snapshot("pki") == before)
        #expect(try await workshop.slipway("audit", "list").output == audit)
    }

    @Test func authorityKeysAreEncrypted() async throws {
        let workshop = try await Workshop().initialized()
        for name in ["root-ca.key", "issuing-ca.key"] {
            let text = try String(
                contentsOfFile: "\(workshop.path)/pki/\(name)", encoding: .utf8)
            #expect(text.hasPrefix("-----BEGIN ENCRYPTED PRIVATE KEY-----"))
        }
    }

    @Test func aServiceStartsSaysWhereAndStopsWhenAsked() async throws {
        let workshop = try await Workshop().initialized()
        let service = try await RunningService(workshop)
        #expect(service.port > 0)
        let status = try await workshop.slipway("status", "--json")
        #expect(status.status == 0, "\(status.errors)")
        #expect(status.output.contains("127.0.0.1:\(service.port)"))
        #expect(await service.stop() == 0)
        #expect(try await workshop.slipway("status").status == 1)
    }

    @Test func aWrongPassphraseIsOneLineThatSaysSo() async throws {
        let workshop = try await Workshop().initialized()
        let result = try await workshop.slipway(
            "serve", "--listen-port", "0", environment: ["SLIPWAY_CA_PASSPHRASE": "wrong"])
        #expect(result.status == 1)
        #expect(result.errors.contains("passphrase"), "\(result.errors)")
        #expect(!result.errors.contains("wrong\n"))
    }

    @Test func aBusyPortIsOneLineThatSaysWhatToDo() async throws {
        let first = try await Workshop().initialized()
        let service = try await RunningService(first)
        let second = try await Workshop().initialized()
        let result = try await second.slipway("serve", "--listen-port", "\(service.port)")
        #expect(result.status == 1)
        #expect(result.errors.contains("in use"), "\(result.errors)")
        _ = await service.stop()
    }

    @Test func aSecondServiceOnOneFolderIsRefused() async throws {
        let workshop = try await Workshop().initialized()
        let service = try await RunningService(workshop)
        let result = try await workshop.slipway("serve", "--listen-port", "0")
        #expect(result.status == 1)
        #expect(!result.errors.isEmpty)
        _ = await service.stop()
    }

    @Test func serveWithoutInitSaysToInit() async throws {
        let result = try await Workshop().slipway("serve", "--listen-port", "0")
        #expect(result.status == 1)
        #expect(result.errors.contains("slipway init"), "\(result.errors)")
    }

    @Test(arguments: [
        ("Templates/demo-sensor.json", "{"), ("Templates/demo-sensor.json", ""),
        ("Templates/demo-sensor.json", #"{"Resources": {"a": {"Type": "AWS::IoT::Rocket"}}}"#),
        ("Templates/demo-sensor.settings.json", #"{"enabled": "yes"}"#),
        ("Hooks/serial-allowlist.lua", ""),
    ])
    func aTornFileKeepsTheServiceFromStartingAndIsNamed(
        file: String, text: String
    ) async throws {
        let workshop = try await Workshop().initialized()
        _ = try workshop.write(file, text)
        let result = try await workshop.slipway("serve", "--listen-port", "0")
        #expect(result.status == 1)
        let stem = URL(fileURLWithPath: file).lastPathComponent.prefix { $0 != "." }
        #expect(result.errors.contains(stem), "\(result.errors)")
    }

    @Test func initTellsAPassphraseThatDoesNotFit() async throws {
        let workshop = try await Workshop().initialized()
        let result = try await workshop.slipway(
            "init", environment: ["SLIPWAY_CA_PASSPHRASE": "wrong"])
        #expect(result.status == 1)
        #expect(result.errors.contains("passphrase"), "\(result.errors)")
    }

    @Test(arguments: ["issuing-ca.key", "root-ca.pem", "gateway.key"])
    func initTellsAFileThatIsMissing(file: String) async throws {
        let workshop = try await Workshop().initialized()
        try FileManager.default.removeItem(atPath: "\(workshop.path)/pki/\(file)")
        let result = try await workshop.slipway("init")
        #expect(result.status == 1)
        #expect(result.errors.contains(file.prefix { $0 != "." }), "\(result.errors)")
    }

    /// A root that did not sign the issuing CA: no device would be let in, or would come.
    @Test(arguments: ["init", "serve"])
    func anotherInstallationsRootIsRefused(command: String) async throws {
        let workshop = try await Workshop().initialized()
        let other = try await Workshop().initialized()
        let root = try String(contentsOfFile: "\(other.path)/pki/root-ca.pem", encoding: .utf8)
        _ = try workshop.write("pki/root-ca.pem", root)
        let audit = try await workshop.slipway("audit", "list").output
        let result = try await workshop.slipway(
            command, environment: ["SLIPWAY_LISTEN_PORT": "0"])
        #expect(result.status == 1)
        #expect(result.errors.contains("not signed by"), "\(result.errors)")
        #expect(try await workshop.slipway("audit", "list").output == audit)
    }

    @Test func aRootInTheIssuingAuthoritysPlaceIsRefused() async throws {
        let workshop = try await Workshop().initialized()
        for ending in ["pem", "key"] {
            let root = try String(
                contentsOfFile: "\(workshop.path)/pki/root-ca.\(ending)", encoding: .utf8)
            _ = try workshop.write("pki/issuing-ca.\(ending)", root)
        }
        let result = try await workshop.slipway("serve", "--listen-port", "0")
        #expect(result.status == 1)
        #expect(result.errors.contains("no issuing CA"), "\(result.errors)")
    }

    /// The root's key goes into a safe and the claim's to the factory.
    @Test(arguments: ["root-ca.key", "claim-demo.key"])
    func initDoesNotNeedAKeyThatMayBeElsewhere(file: String) async throws {
        let workshop = try await Workshop().initialized()
        try FileManager.default.removeItem(atPath: "\(workshop.path)/pki/\(file)")
        let result = try await workshop.slipway("init")
        #expect(result.status == 0, "\(result.errors)")
    }

    @Test func initRemovesWhatAKilledOneLeft() async throws {
        let workshop = try await Workshop().initialized()
        let left = ["pki/ca.passphrase.4711.new", "var/ownership-token.key.4711.new"]
        for file in left { _ = try workshop.write(file, "half") }
        #expect(try await workshop.slipway("init").status == 0)
        for file in left {
            #expect(!FileManager.default.fileExists(atPath: "\(workshop.path)/\(file)"))
        }
    }

    @Test(arguments: ["pki/gateway.pem", "pki/gateway.key", "var/ownership-token.key"])
    func aTornKeyOrCertificateIsNamed(file: String) async throws {
        let workshop = try await Workshop().initialized()
        _ = try workshop.write(file, "half")
        let result = try await workshop.slipway("serve", "--listen-port", "0")
        #expect(result.status == 1)
        let stem = URL(fileURLWithPath: file).deletingPathExtension().path
        #expect(result.errors.contains(URL(fileURLWithPath: stem).lastPathComponent))
        #expect(result.errors.contains("slipway init"), "\(result.errors)")
    }
}
