import ArgumentParser
import Fleet
import JSON
import Policies

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension PolicyCommand {
    /// For `make bench`: what reading a document and deciding by it cost in processor time.
    struct Measure: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What compiling a document and deciding by it cost.", shouldDisplay: false)

        @Argument(help: "The policy document") var file: String
        @Option(help: "How often each is done") var times = 100_000
        @Flag(help: "Print JSON") var json = false

        private static let questions = [
            "connect pump-417", "publish devices/pump-417/telemetry/temperature",
            "receive sites/plant-7/pump-417/commands", "publish sites/plant-7/pump-417/secret",
            "subscribe devices/pump-417/#", "publish devices/pump-418/telemetry/temperature",
        ]

        func run() async throws {
            do throws(FleetError) {
                let file = try await PolicyFile(path: self.file)
                let document = try file.document(.device)
                let realm = document.realm ?? .standard
                let policy = CompiledPolicy(document, name: file.policyName, version: 1)
                let context = PolicyVariables(
                    clientID: "pump-417", sourceIP: "203.0.113.7",
                    thing: PolicyVariables.AssociatedThing(
                        name: try ThingName("pump-417"), attributes: ["site": "plant-7"]))
                var lines: [(what: String, answer: String, nanoseconds: Int)] = []
                let compiling = Self.nanoseconds(max(1, self.times / 100)) {
                    (try? PolicyDocument.parse(file.text)) == nil
                }
                lines.append(("compile", "", compiling))
                for text in Self.questions {
                    let question = try PolicyQuestion(text, in: realm)
                    let decide = {
                        PolicyEvaluator.decide(
                            policies: [policy], request: question.request, context: context)
                    }
                    let cost = Self.nanoseconds(self.times) { decide().isAllowed }
                    lines.append((text, decide().word, cost))
                }
                self.tell(lines)
            } catch { throw Failure.exit(error) }
        }

        /// Of the processor, for one of `times`.
        private static func nanoseconds(_ times: Int, _ work: () -> Bool) -> Int {
            var kept = 0
            let start = Self.processorTime
            for _ in 0..<times where work() { kept += 1 }
            let spent = Self.processorTime - start
            // Looked at, so that the work cannot be left out.
            precondition(kept <= times, "More answers than questions.")
            return spent / times
        }

        private static var processorTime: Int {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return time.tv_sec * 1_000_000_000 + time.tv_nsec
        }

        private func tell(_ lines: [(what: String, answer: String, nanoseconds: Int)]) {
            guard !self.json else {
                return Terminal.say(
                    .array(
                        lines.map {
                            [
                                "what": .string($0.what), "answer": .string($0.answer),
                                "nanoseconds": .int($0.nanoseconds),
                            ]
                        }))
            }
            let rows = lines.map { ["\($0.nanoseconds) ns", $0.what, $0.answer] }
            for line in Terminal.table([["CPU", "POLICY", "ANSWER"]] + rows) { Terminal.say(line) }
        }
    }
}
