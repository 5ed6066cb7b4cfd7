import ArgumentParser
import DeviceSimulation
import Fleet
import FoundationEssentials
import JSON
import MQTT
import Synchronization
import UnixSignals

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension SimulatedFlow: ExpressibleByArgument {}
extension PayloadFormat: ExpressibleByArgument {}

/// `slipway simulate`: a fleet of virtual devices against a gateway.
struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Provision virtual devices over the wire and measure every step.",
        discussion: """
            Each device connects with the claim certificate, creates its certificate, registers, \
            connects again as itself, and has one message acknowledged. Ctrl-C stops the run and \
            reports what was done.

            Mixes play a factory's accidents, and the report counts units: a serial number is one \
            unit, however many devices carry it. Devices of one serial number connect once more at \
            the end, and just one of them may be let in. The exit code is 0 only where every unit \
            was provisioned, once, and nobody lost who was not to lose; 2 where some were.

            Examples:
              slipway simulate --devices 10000 --storm --power-cut 5 --double-scan 2 --clone 1 ...
              slipway simulate --devices 120 --budget 100 --claim-cert line-4.pem ...
            """)

    @Option(help: "How many devices.")
    var devices = 100

    @Option(help: "How many devices are alive at once.")
    var concurrency = 50

    @Option(help: "Who makes the key: the device (csr), the service (keys), or half and half.")
    var flow = SimulatedFlow.mixed

    @Option(help: "The provisioning template's name.")
    var template: String

    @Option(help: ArgumentHelp("The claim certificate, PEM.", valueName: "file"))
    var claimCert: String

    @Option(help: ArgumentHelp("The claim certificate's key, PEM.", valueName: "file"))
    var claimKey: String

    @Option(
        help: ArgumentHelp(
            "The CA certificates that may have signed the gateway's, PEM. Without it, the "
                + "system's.", valueName: "file"))
    var ca: String?

    @Option(help: ArgumentHelp("The gateway.", valueName: "host:port"))
    var endpoint = "127.0.0.1:8883"

    @Option(
        help: ArgumentHelp(
            "Serial numbers: a file with one per line, or a pattern such as SN-{n:06}.",
            valueName: "file|pattern"))
    var serials = "SN-{n:06}"

    @Option(help: ArgumentHelp("The protocol: 3.1.1 or 5.", valueName: "version"))
    var mqtt = "5"

    @Option(help: "The encoding of requests and replies.")
    var format = PayloadFormat.json

    @Option(
        help: ArgumentHelp(
            "The chance that a boot ends in a power cut at a random point.", valueName: "percent"))
    var powerCut = 0

    @Flag(help: "All devices at once, as at the start of a shift: --concurrency is --devices.")
    var storm = false

    @Option(
        help: ArgumentHelp(
            "How many of a hundred devices carry the serial of the device before them.",
            valueName: "percent"))
    var doubleScan = 0

    @Option(
        help: ArgumentHelp(
            "How many of a hundred devices are made by copying the flash of the device before "
                + "them: its key under their own serial, then its certificate beside it.",
            valueName: "percent"))
    var clone = 0

    @Option(
        help: ArgumentHelp(
            "The units that the claim has left: just so many are to be provisioned, and the "
                + "others refused.", valueName: "units"))
    var budget: Int?

    @Option(
        help: ArgumentHelp(
            "Slow devices: the longest pause of a device before it registers.",
            valueName: "milliseconds"))
    var slow = 0

    @Option(help: "The template parameter that carries the serial number.")
    var serialParameter = "SerialNumber"

    @Option(
        name: .customLong("parameter"),
        help: ArgumentHelp(
            "A further template parameter; may be given again.", valueName: "name=value"))
    var parameters: [String] = []

    @Option(
        help: ArgumentHelp(
            "Where a provisioned device publishes; {thing} and {serial} are filled in.",
            valueName: "topic"))
    var publishTopic = "devices/{thing}/hello"

    @Option(help: "How often a device tries before it counts as failed.")
    var attempts = 8

    @Option(
        help: ArgumentHelp(
            "How long a device waits for an answer; else 30, and in a storm one more for each 100 "
                + "devices.", valueName: "seconds"))
    var stepTimeout: Int64?

    @Option(help: "The seed of power cuts and pauses.")
    var seed: UInt64 = 1

    @Option(
        help: ArgumentHelp(
            "A folder for NAME.pem and NAME.key of every device.", valueName: "folder"))
    var out: String?

    @Flag(
        help: ArgumentHelp(
            "Have each device renew its certificate and say hello with the new one.",
            discussion: """
                The service must take renewals of new certificates: serve it with \
                --renewal-window-days above its --device-validity-days, and with \
                --renewal-interval-seconds 0.
                """))
    var renew = false

    @Flag(help: "Print the final report as JSON on standard output.")
    var json = false

    @Flag(help: ArgumentHelp("Only connect with the claim and disconnect.", visibility: .hidden))
    var connectOnly = false

    func run() async throws {
        let options = try self.simulationOptions()
        try self.refuseTooManyAtOnce()
        let bar = ProgressBar()
        let run = Task { () async -> Result<SimulationReport, SimulationError> in
            do throws(SimulationError) {
                return .success(
                    try await FleetSimulation(options: options, clock: ContinuousClock()).run {
                        bar.show($0)
                    })
            } catch { return .failure(error) }
        }
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        let watch = Task {
            for await _ in signals {
                run.cancel()
                // Whoever asks a second time does not want to wait for the report.
                signal(SIGINT, SIG_DFL)
                signal(SIGTERM, SIG_DFL)
                return
            }
        }
        let result = await run.value
        watch.cancel()
        bar.clear()
        let report: SimulationReport
        do throws(SimulationError) { report = try result.get() } catch {
            throw Self.refusal(error)
        }
        print(
            self.json ? JSONPrinter.print(report.json, style: .pretty) : report.text)
        // 2 means done in part, as for every command.
        if !report.isComplete { throw ExitCode(report.provisioned > 0 ? 2 : 1) }
    }

    private var atOnce: Int { self.storm ? self.devices : self.concurrency }

    private func simulationOptions() throws -> SimulationOptions {
        do {
            var options = SimulationOptions(
                endpoint: try Endpoint(parsing: self.endpoint),
                claim: Credentials(
                    certificatePEM: try Self.contents(self.claimCert),
                    privateKeyPEM: try Self.contents(self.claimKey)),
                template: self.template, serials: try self.serialNumbers(),
                devices: self.devices)
            options.trustAnchorsPEM = try self.ca.map { try Self.contents($0) }
            options.flow = self.flow
            options.version = try self.protocolVersion()
            options.format = self.format
            options.concurrency = self.atOnce
            options.powerCutPercent = self.powerCut
            options.doubleScanPercent = self.doubleScan
            options.clonePercent = self.clone
            options.budget = self.budget
            options.thinkMillisecondsMax = self.slow
            options.serialParameter = self.serialParameter
            options.parameters = try self.parameters.map(Self.parameter)
            options.publishTopic = self.publishTopic
            options.attemptsMax = self.attempts
            let standard = options.stepSecondsMax
            options.stepSecondsMax =
                self.stepTimeout ?? (self.storm ? standard + Int64(self.devices / 100) : standard)
            options.seed = self.seed
            options.outputFolder = self.out
            options.connectsOnly = self.connectOnly
            options.renews = self.renew
            return options
        } catch let error as SimulationError {
            throw Self.refusal(error)
        }
    }

    /// A device that finds no descriptor would be told apart from one that the gateway refused
    /// only by its errno.
    private func refuseTooManyAtOnce() throws {
        let files: OpenFiles
        do throws(FleetError) { files = try OpenFiles.raise() } catch { throw Failure.exit(error) }
        guard self.atOnce > files.connectionsMax else { return }
        throw Self.refusal(
            SimulationError(
                "\(self.atOnce) devices at once need more than the \(files.max) files this "
                    + "process may open: at most \(files.connectionsMax), or raise the hard "
                    + "limit (ulimit -Hn)"))
    }

    /// One line on standard error, and the exit code of what could not be done.
    private static func refusal(_ error: SimulationError) -> ExitCode {
        let line = Array("slipway: \(error.message)\n".utf8)
        _ = write(STDERR_FILENO, line, line.count)
        return ExitCode(1)
    }

    private func protocolVersion() throws(SimulationError) -> ProtocolVersion {
        switch self.mqtt {
        case "3.1.1": return .v311
        case "5", "5.0": return .v5
        default: throw SimulationError("--mqtt is 3.1.1 or 5, not \"\(self.mqtt)\"")
        }
    }

    private func serialNumbers() throws(SimulationError) -> SerialNumbers {
        if self.serials.contains("{") { return try SerialNumbers(pattern: self.serials) }
        return try SerialNumbers(
            lines: String(decoding: try Self.contents(self.serials), as: UTF8.self))
    }

    private static func parameter(
        _ text: String
    ) throws(SimulationError) -> (name: String, value: String) {
        guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
            throw SimulationError("--parameter takes NAME=VALUE, not \"\(text)\"")
        }
        return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }

    private static func contents(_ path: String) throws(SimulationError) -> [UInt8] {
        guard FileManager.default.fileExists(atPath: path) else {
            throw SimulationError("there is no file \(path)")
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw SimulationError("cannot read \(path): is it readable for this user?")
        }
        return Array(data)
    }
}

/// The progress line at the bottom of a terminal; nothing where standard error is no terminal.
private final class ProgressBar: Sendable {
    private static let columnsMax = 100
    private static let redrawInterval = Duration.milliseconds(100)

    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let drawn = Mutex(Duration.zero)

    func show(_ progress: SimulationProgress) {
        guard self.isTerminal else { return }
        let isDue = self.drawn.withLock { drawn in
            let isLast = progress.finished == progress.devices
            guard isLast || progress.elapsed - drawn >= Self.redrawInterval else { return false }
            drawn = progress.elapsed
            return true
        }
        if isDue { self.draw("\r" + progress.line(columns: Self.columns) + "\u{1B}[K") }
    }

    func clear() {
        if self.isTerminal { self.draw("\r\u{1B}[K") }
    }

    /// One less than the terminal has, for the line must never wrap: only its last row is redrawn.
    private static var columns: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else {
            return Self.columnsMax
        }
        return min(Int(size.ws_col) - 1, Self.columnsMax)
    }

    /// A progress line that cannot be written is not worth an error.
    private func draw(_ text: String) {
        let bytes = Array(text.utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }
}
