import ArgumentParser
import Fleet
import JSON
import Provisioning

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// For `make bench`: what reading, linting and rendering a template cost in processor time.
struct MeasureTemplate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure", abstract: "What reading, linting and rendering a template cost.",
        shouldDisplay: false)

    @Argument(help: "The template") var file: String
    @Option(parsing: .upToNextOption, help: "NAME=VALUE, or a JSON file")
    var parameters: [String] = []
    @Option(help: "How often it is rendered") var times = 20_000
    @Flag(help: "Print JSON") var json = false

    func run() async throws {
        do throws(FleetError) {
            let body = try await TextFile.read(self.file)
            let sent = try await TemplateInput.parameters(self.parameters)
            let document = try TemplateChecker.document(
                of: body, named: TemplateName(checked: "measured"), limits: .largest)
            let certificate = CertificateID(sha256: [UInt8](repeating: 7, count: 32))
            func render() throws(FleetError) -> RenderedTemplate {
                try TemplateRenderer.render(
                    document,
                    with: ResolvedParameters(
                        sent: sent, overrides: [:], document: document, certificate: certificate,
                        realm: .standard))
            }
            _ = try render()
            let few = max(1, self.times / 20)
            let costs = [
                ("read", Self.perSecond(few) { TemplateChecker.check(body).document != nil }),
                ("lint", Self.perSecond(few) { (try? TemplateLint.report(of: body)) != nil }),
                ("render", Self.perSecond(self.times) { (try? render()) != nil }),
            ]
            if self.json {
                let members = costs.map { ($0.0, JSONValue.int($0.1)) }
                Terminal.say(.object(JSONObject(members + [("bytes", .int(body.utf8.count))])))
            } else {
                for (what, count) in costs { Terminal.say("\(what)  \(count) a second") }
            }
        } catch { throw Failure.exit(error) }
    }

    /// On one core, by its processor time.
    private static func perSecond(_ times: Int, _ work: () -> Bool) -> Int {
        var kept = 0
        let start = Self.nanoseconds
        for _ in 0..<times where work() { kept += 1 }
        let spent = max(1, Self.nanoseconds - start)
        // Looked at, so that the work cannot be left out.
        precondition(kept <= times, "More answers than questions.")
        return Int(Double(times) * 1e9 / Double(spent))
    }

    private static var nanoseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}
