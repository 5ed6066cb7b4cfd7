package import Fleet
package import HTTPTypes
package import JSON

/// One operation of the control plane: a row of the table, and the decision it leads to.
///
/// A new operation is one more row; the router, the documentation, the rights and the tests read
/// the table.
package struct Operation: Sendable {
    package typealias Handler =
        @Sendable (OperationRequest, ControlPlaneServices) async throws(FleetError) -> JSONValue
    package typealias FileHandler =
        @Sendable (OperationRequest, ControlPlaneServices) async throws(FleetError) -> OperationFile
    package typealias SecretHandler =
        @Sendable (OperationRequest, ControlPlaneServices) async throws(FleetError) -> SecretAnswer
    package typealias TextHandler =
        @Sendable (OperationRequest, ControlPlaneServices) async throws(FleetError) -> JSONWriter
    package typealias Target = @Sendable (OperationRequest, Realm) throws(FleetError) -> ARN

    package let name: String
    package let method: HTTPRequest.Method
    package let path: OperationPath
    /// The members of the JSON body that are understood; any other is refused by name.
    package let members: [String]
    /// The query parameters that are understood; any other is refused by name.
    package let query: [String]
    /// Whether the body is a file, taken as it arrives, and no JSON.
    package let streams: Bool
    package let summary: String
    /// Where it departs from what AWS IoT does, for people who come from there; nil where it does
    /// not.
    package let differences: String?
    /// What the caller must have rights upon; `*` for listings and whatever has no name yet.
    package let target: Target
    /// Whether it computes for microseconds only, beside its look-ups by key and its commit: such
    /// is answered on the event loop of its connection. Every other operation leaves the loop.
    package private(set) var isBrief = false
    private let handling: Handling

    /// What an operation answers with.
    private enum Handling: Sendable {
        case value(Handler)
        case file(FileHandler)
        case secret(SecretHandler)
        case text(TextHandler)
    }

    package enum Answer: Sendable {
        case value(JSONValue)
        case file(OperationFile)
        case secret(SecretAnswer)
        /// JSON that is written already.
        case text([UInt8])
    }

    package init(
        _ name: String, _ method: HTTPRequest.Method, _ path: OperationPath,
        members: [String] = [], query: [String] = [], streams: Bool = false, summary: String,
        differences: String? = nil,
        target: @escaping Target = { _, _ in .everything },
        handle: @escaping Handler
    ) {
        self.name = name
        self.method = method
        self.path = path
        self.members = members
        self.query = query
        self.streams = streams
        self.summary = summary
        self.differences = differences
        self.target = target
        self.handling = .value(handle)
    }

    /// A listing whose answer is written without a tree.
    package init(
        _ name: String, _ method: HTTPRequest.Method, _ path: OperationPath,
        query: [String] = [], summary: String,
        target: @escaping Target = { _, _ in .everything },
        handleText: @escaping TextHandler
    ) {
        self.name = name
        self.method = method
        self.path = path
        self.members = []
        self.query = query
        self.streams = false
        self.summary = summary
        self.differences = nil
        self.target = target
        self.handling = .text(handleText)
    }

    /// An operation that hands out a private key.
    package init(
        _ name: String, _ method: HTTPRequest.Method, _ path: OperationPath,
        members: [String] = [], query: [String] = [], summary: String,
        differences: String? = nil,
        target: @escaping Target = { _, _ in .everything },
        handleSecret: @escaping SecretHandler
    ) {
        self.name = name
        self.method = method
        self.path = path
        self.members = members
        self.query = query
        self.streams = false
        self.summary = summary
        self.differences = differences
        self.target = target
        self.handling = .secret(handleSecret)
    }

    /// An operation that answers with a file.
    package init(
        download name: String, _ path: OperationPath, query: [String] = [], summary: String,
        target: @escaping Target = { _, _ in .everything },
        file: @escaping FileHandler
    ) {
        self.name = name
        self.method = .get
        self.path = path
        self.members = []
        self.query = query
        self.streams = false
        self.summary = summary
        self.differences = nil
        self.target = target
        self.handling = .file(file)
    }

    /// The same row, answered on the event loop.
    package var brief: Operation {
        var operation = self
        operation.isBrief = true
        return operation
    }

    /// Whether AWS IoT has this operation too, or it is ours.
    package var isAWS: Bool { !self.path.text.hasPrefix("/slipway/") }

    /// What a statement of rights calls it: `iot:CreateThing`, `slipway:ImportAllowlist`.
    package var action: String { (self.isAWS ? "iot:" : "slipway:") + self.name }

    /// Answers the request.
    package func answer(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> Answer {
        try self.refuseUnknownInput(request)
        switch self.handling {
        case .value(let handle): return .value(try await handle(request, services))
        case .file(let handle): return .file(try await handle(request, services))
        case .secret(let handle): return .secret(try await handle(request, services))
        case .text(let handle): return .text(try await handle(request, services).bytes)
        }
    }

    /// Answers the request of an operation that answers with no file. `.null` is an empty answer.
    package func perform(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        switch try await self.answer(request, services) {
        case .value(let value): return value
        case .secret(let answer): return try answer.json
        case .text(let bytes):
            do throws(JSONError) {
                return try JSONParser.parse(bytes, limits: JSONLimits(bytesMax: bytes.count))
            } catch {
                throw FleetError(.internalFailure, "\(self.name) wrote no JSON: \(error)")
            }
        case .file: preconditionFailure("\(self.name) answers with a file.")
        }
    }

    /// A parameter that would silently do nothing may be one that somebody's safety hangs on.
    private func refuseUnknownInput(_ request: OperationRequest) throws(FleetError) {
        for name in request.query.keys.sorted() where !self.query.contains(name) {
            throw FleetError(
                .invalidRequest,
                "\(self.name) has no query parameter '\(name.clipped)'"
                    + Self.known(self.query))
        }
        switch request.body {
        case .null: break
        case .object(let object):
            for name in object.keys where !self.members.contains(name) {
                throw FleetError(
                    .invalidRequest,
                    "\(self.name) has no member '\(name.clipped)' in its body"
                        + Self.known(self.members))
            }
        case .bool, .number, .string, .array:
            throw FleetError(
                .invalidRequest, "the body is \(request.body.kindName), not an object")
        }
    }

    private static func known(_ names: [String]) -> String {
        names.isEmpty ? "; it has none" : "; it has " + names.joined(separator: ", ")
    }
}

extension ARN {
    /// What an operation that concerns no single resource is checked against.
    package static let everything = ARN(rawValue: "*")
}
