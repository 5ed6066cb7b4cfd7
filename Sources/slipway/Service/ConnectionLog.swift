import ControlPlane
import Fleet
import JSON
import Logging
import Synchronization

/// What the gateway refused, one JSON object a line, beside the attempts of the dialogue and in
/// files of its own: strangers can make the gateway refuse at will, and must not push out what is
/// known of devices.
final class ConnectionLog: ConnectionJournal {
    static let fileBytesMax = 8 << 20
    static let filesMax = 4
    /// Lines of one second; what is more is counted.
    static let linesPerSecondMax = 200
    private static let idBytesCount = 8

    private struct State {
        var file: RotatedFile
        var second: Int64 = 0
        var lines = 0
        var leftOut = 0
    }

    private let state: Mutex<State>
    private let entropy: any Entropy
    private let logger: Logger

    /// - Throws: `FleetError.invalidRequest` where the file cannot be opened.
    init(path: String, entropy: any Entropy, logger: Logger) throws(FleetError) {
        self.entropy = entropy
        self.logger = logger
        self.state = Mutex(
            State(
                file: try RotatedFile(
                    path: path, bytesMax: Self.fileBytesMax, filesMax: Self.filesMax)))
    }

    func note(_ refusal: ConnectionRefusal) {
        let id = self.entropy.bytes(count: Self.idBytesCount).hex
        let problem = self.state.withLock { state -> String? in
            if state.second != refusal.at.seconds {
                state.second = refusal.at.seconds
                state.lines = 0
            }
            guard state.lines < Self.linesPerSecondMax else {
                state.leftOut += 1
                return nil
            }
            state.lines += 1
            let line = Self.object(refusal, id: id, leftOut: state.leftOut)
            state.leftOut = 0
            return state.file.append(
                JSONPrinter.bytes(.object(line)) + [UInt8(ascii: "\n")], lines: 1)
        }
        guard let problem else { return }
        self.logger.error(
            "refused connections are missing from the trace", metadata: ["why": "\(problem)"])
    }

    func close() { self.state.withLock { $0.file.close() } }

    /// In the form of an attempt, so that one command shows both.
    private static func object(
        _ refusal: ConnectionRefusal, id: String, leftOut: Int
    ) -> JSONObject {
        let peer = refusal.peer
        var object: JSONObject = [
            "id": .string(id), "at": .string(refusal.at.description),
            "operation": .string(refusal.action),
        ]
        object["certificate"] = peer.certificate.map { .string($0.rawValue) }
        object["clientId"] = peer.clientID.isEmpty ? nil : .string(peer.clientID)
        object["source"] = .string(peer.address)
        object["outcome"] = "refused"
        object["step"] = .string(refusal.reason.explanation.step.rawValue)
        object["reasonCode"] = .int(refusal.reason.rawValue)
        object["reason"] = .string(refusal.reason.name)
        object["errorMessage"] = .string(refusal.explanation)
        var step: JSONObject = [
            "step": object["step"] ?? .null, "source": .string(peer.address),
        ]
        step["serverName"] = peer.serverName.map { .string($0) }
        step["resource"] = refusal.resource.map { .string($0) }
        step["decidedBy"] = .string(refusal.decidedBy)
        object["steps"] = .array([.object(step)])
        if leftOut > 0 { object["leftOutBefore"] = .int(leftOut) }
        return object
    }
}
