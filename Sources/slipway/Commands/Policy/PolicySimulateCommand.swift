import ArgumentParser
import Fleet
import JSON
import Policies
import Provisioning

extension PolicyCommand {
    struct Simulate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ask policy documents whether a connection may do something.",
            discussion: """
                One question:

                slipway policy simulate pump.json --client-id pump-1 --thing pump-1 \
                --attribute site=plant-7 publish t/plant-7/pump-1
                slipway policy simulate pump.json --client-id pump-1 subscribe 'a/#'
                slipway policy simulate pump.json iot:GetThingShadow \
                arn:aws:iot:local:000000000000:thing/pump-1

                The answer names the statement that decided. What the gateway refuses whatever \
                policies say (reserved topics, names that are none, a certificate that is not \
                ACTIVE, a last will that is not allowed) is refused here too, and the answer says \
                what policies alone would have. Exit code: 0 may, 1 may not, 2 the question or a \
                document cannot be read.

                Who may do what, as a table:

                slipway policy simulate pump.json --matrix --client-id pump-1 --thing pump-1
                slipway policy simulate pump.json --matrix --connections who.json \
                --ask 'connect pump-1' --ask 'publish t/a'

                Without --ask, the columns are what the documents speak of, each wildcard replaced \
                by an x. who.json describes the rows, each with the policies asked about or with \
                its own:

                {"connections": {"pump 1": {"clientId": "pump-1", "thing": "pump-1", \
                "attributes": {"site": "plant-7"}, "sourceIp": "203.0.113.7"}, \
                "guest": {"clientId": "x", "policies": ["guest.json"]}}, \
                "questions": ["publish t/a"]}

                A row may also have thingType, domainName, certificate ({"Subject.CommonName": \
                "x", "SerialNumber": "0a"}), status ("INACTIVE"), connectAttributes \
                (["LastWill"]), lastWillTopic, time and keys ({"aws:username": "x"}).
                """)

        @Argument(help: "The policy document; - is standard input") var file: String
        @Argument(
            help: ArgumentHelp(
                "connect, publish, retain-publish, subscribe, receive, or a name such as "
                    + "iot:GetThingShadow"))
        var action: String?
        @Argument(help: "A client id, topic or filter, or an ARN") var resource: String?
        @Option(
            name: .customLong("with"),
            help: ArgumentHelp("A further document beside it; repeatable", valueName: "file"))
        var furtherFiles: [String] = []
        @Flag(help: "Print who may do what, as a table") var matrix = false
        @Option(help: ArgumentHelp("The rows of the matrix, as JSON", valueName: "file"))
        var connections: String?
        @Option(help: "A column of the matrix: an action and a resource; repeatable")
        var ask: [String] = []
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "The connection") var connection: ConnectionOptions
        @OptionGroup var dialect: PolicyDialectOptions

        func validate() throws {
            if self.matrix {
                guard self.action == nil else {
                    throw ValidationError("a matrix takes its questions from --ask")
                }
            } else {
                guard self.resource != nil else {
                    throw ValidationError("name an action and a resource, or ask for a --matrix")
                }
                guard self.connections == nil, self.ask.isEmpty else {
                    throw ValidationError("--connections and --ask are for --matrix")
                }
            }
        }

        func run() async throws {
            do {
                var desk = PolicyDesk(dialect: self.dialect.dialect)
                for path in [self.file] + self.furtherFiles { try await desk.add(path) }
                let realm = try self.connection.realm ?? desk.realm
                if self.matrix {
                    try await self.printMatrix(&desk, realm)
                } else {
                    try self.answer(desk, realm)
                }
            } catch let error as FleetError {
                Terminal.complain("slipway: \(error.message)")
                throw ExitCode(2)
            }
        }

        /// What the gateway refuses by itself; nothing where the documents are about people.
        private func rules(_ realm: Realm) -> (SimulatedConnection) -> (any GatewayRefusals)? {
            let isDevice = !self.dialect.rights
            return { isDevice ? GatewayRules(realm: realm, status: $0.status) : nil }
        }

        private func answer(_ desk: PolicyDesk, _ realm: Realm) throws {
            let question = try PolicyQuestion(
                self.action ?? "", self.resource ?? "", in: realm)
            let connection = try self.connection.connection(name: "it", in: realm)
            let answer = connection.answer(
                question, policies: desk.policies, rules: self.rules(realm)(connection))
            let request = answer.request
            let explanation = Explanation(
                principal: nil, request: request, decision: answer.decision,
                policies: desk.policies, context: answer.context)
            let missing = PolicyEvaluator.missingValues(
                policies: desk.policies, request: request, context: answer.context)
            if self.json {
                var object = answer.json.objectValue ?? [:]
                object["action"] = .string(request.operation)
                object["resource"] = .string(request.resource.rawValue)
                object["missingContextValues"] = .array(missing.map { .string($0) })
                object["explanation"] = .string(explanation.description)
                Terminal.say(.object(object))
            } else {
                if let refusal = answer.refusal {
                    Terminal.say("may not, refused whatever policies say: \(refusal)")
                    Terminal.say("policies alone: \(explanation)")
                } else {
                    Terminal.say((answer.isAllowed ? "may, " : "may not, ") + "\(explanation)")
                }
                if !missing.isEmpty {
                    Terminal.say("without a value: \(missing.joined(separator: ", "))")
                }
            }
            guard answer.isAllowed else { throw ExitCode(1) }
        }

        private func printMatrix(
            _ desk: inout PolicyDesk, _ realm: Realm
        ) async throws(FleetError) {
            var rows: [(SimulatedConnection, [CompiledPolicy])] = []
            var questions = self.ask
            if let path = self.connections {
                let described = try await MatrixFile(path: path, in: realm)
                questions += described.questions
                for connection in described.connections {
                    rows.append((connection, try await desk.policies(of: connection)))
                }
            } else {
                let connection = try self.connection.connection(name: nil, in: realm)
                rows.append((connection, desk.policies))
            }
            var columns: [PolicyMatrix.Column] = []
            for text in questions { columns.append(.question(try PolicyQuestion(text, in: realm))) }
            if columns.isEmpty { columns = PolicyMatrix.columns(of: desk.documents) }
            let matrix = PolicyMatrix(
                columns: columns, connections: rows, rules: self.rules(realm))
            guard !self.json else { return Terminal.say(matrix.json) }
            let (table, legend) = matrix.table()
            for line in Terminal.table(table) { Terminal.say(line) }
            Terminal.say("")
            for line in legend { Terminal.say(line) }
            let refusals = matrix.refusals
            guard !refusals.isEmpty else { return }
            Terminal.say("")
            Terminal.say("refused whatever policies say:")
            for line in refusals { Terminal.say(line) }
        }
    }
}
