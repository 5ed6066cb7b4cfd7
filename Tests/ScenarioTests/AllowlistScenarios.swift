import Foundation
import JSON
import Testing

/// Allowlists at the command line, with and without a service running.
@Suite struct AllowlistScenarios {
    @Test(arguments: [false, true])
    func aFileComesWholeAndReportsDuplicates(serviceRuns: Bool) async throws {
        let workshop = try await Workshop().initialized()
        let service = serviceRuns ? try await RunningService(workshop) : nil
        let file = try workshop.write(
            "list.csv", "line,Serial Number,site\r\n1,A-1,x\n2,\"A-2\",y\n3,A-1,z\n")
        let result = try await workshop.slipway("allowlist", "import", "lot7", file, "--json")
        #expect(result.status == 0, "\(result.errors)")
        let report = try JSONParser.parse(result.output)
        #expect(report["added"] == 2)
        #expect(report["duplicateCount"] == 1)
        #expect(report["duplicates"]?.arrayValue?.first?["line"] == 4)
        #expect(try await workshop.slipway("allowlist", "show", "lot7", "A-2").status == 0)
        #expect(try await workshop.slipway("allowlist", "show", "lot7", "A-3").status == 1)
        _ = await service?.stop()
    }

    @Test(arguments: [false, true])
    func aBadLineKeepsTheWholeFileOut(serviceRuns: Bool) async throws {
        let workshop = try await Workshop().initialized()
        let service = serviceRuns ? try await RunningService(workshop) : nil
        let long = String(repeating: "x", count: 300)
        let file = try workshop.write("list.txt", "B-1\nB-2\n\(long)\nB-3\n\u{7}bell\n")
        let result = try await workshop.slipway("allowlist", "import", "demo", file)
        #expect(result.status == 1)
        #expect(result.errors.contains("line 3"))
        #expect(result.errors.contains("line 5"))
        #expect(result.errors.contains("nothing was imported"))
        #expect(try await workshop.slipway("allowlist", "show", "demo", "B-1").status == 1)
        let shown = try await workshop.slipway("allowlist", "show", "demo", "--json")
        #expect(try JSONParser.parse(shown.output)["version"] == 1)
        _ = await service?.stop()
    }

    @Test func replaceMakesTheFileTheWholeList() async throws {
        let workshop = try await Workshop().initialized()
        let file = try workshop.write("list.txt", "SN-000001\nNEW-1\n")
        #expect(
            try await workshop.slipway("allowlist", "import", "demo", file, "--replace").status
                == 0)
        let entries = try await workshop.slipway("allowlist", "show", "demo", "--entries")
        #expect(entries.output == "NEW-1\nSN-000001\n")
    }

    @Test func singleSerialsComeAndGo() async throws {
        let workshop = try await Workshop().initialized()
        #expect(try await workshop.slipway("allowlist", "add", "demo", "X-1", "X-2").status == 0)
        #expect(try await workshop.slipway("allowlist", "remove", "demo", "X-1").status == 0)
        #expect(try await workshop.slipway("allowlist", "show", "demo", "X-1").status == 1)
        #expect(try await workshop.slipway("allowlist", "show", "demo", "X-2").status == 0)
        let missing = try await workshop.slipway("allowlist", "remove", "demo", "X-2", "X-9")
        #expect(missing.status == 1)
        #expect(missing.errors.contains("X-9"))
        #expect(try await workshop.slipway("allowlist", "show", "demo", "X-2").status == 0)
    }

    @Test func aListOrFileThatIsNotThereIsNamed() async throws {
        let workshop = try await Workshop().initialized()
        let list = try await workshop.slipway("allowlist", "show", "nolist")
        #expect(list.status == 1)
        #expect(list.errors.contains("nolist"))
        let file = try await workshop.slipway("allowlist", "import", "demo", "/nowhere/x.csv")
        #expect(file.status == 1)
        #expect(file.errors.contains("/nowhere/x.csv"))
    }

    @Test(arguments: ["", "a/b", "a b", "../x"], [false, true])
    func aNameThatIsNoneIsRefusedAsOne(name: String, serviceRuns: Bool) async throws {
        let workshop = try await Workshop().initialized()
        let service = serviceRuns ? try await RunningService(workshop) : nil
        let shown = try await workshop.slipway("allowlist", "show", name)
        #expect(shown.status == 1)
        #expect(shown.errors.contains("'\(name)' is no allowlist name"), "\(shown.errors)")
        let certificate = try await workshop.slipway("cert", "show", name)
        #expect(certificate.status == 1)
        #expect(certificate.errors.contains("is no certificate id"), "\(certificate.errors)")
        _ = await service?.stop()
    }

    @Test func aFolderIsNoFileToImport() async throws {
        let workshop = try await Workshop().initialized()
        let result = try await workshop.slipway("allowlist", "import", "demo", workshop.path)
        #expect(result.status == 1)
        #expect(result.errors.contains("is a folder"), "\(result.errors)")
    }
}
