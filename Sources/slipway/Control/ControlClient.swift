import AsyncHTTPClient
import ControlPlane
import Fleet
import Foundation
import HTTPTypes
import JSON
import NIOCore
import NIOHTTP1

/// Speaks to a running service over its Unix socket.
struct ControlClient: Sendable {
    /// A collected answer. Listings come in pages, so none is larger.
    static let answerBytesMax = 8 << 20
    /// One request; a million serial numbers take seconds.
    static let requestSecondsMax: Int64 = 600

    private let socket: String

    /// nil where nothing listens.
    static func connect(socket: String) async -> ControlClient? {
        guard FileManager.default.fileExists(atPath: socket) else { return nil }
        let client = ControlClient(socket: socket)
        guard let status = OperationTable.operation("DescribeService") else { return nil }
        do throws(FleetError) {
            _ = try await client.perform(status, path: [:], query: [:], body: .null, stream: nil)
            return client
        } catch { return nil }
    }

    func perform(
        _ operation: ControlPlane.Operation, path: [String: String], query: [String: String],
        body: JSONValue,
        stream: FileChunks?
    ) async throws(FleetError) -> JSONValue {
        do {
            var request = HTTPClientRequest(
                url: try self.url(operation, path: path, query: query))
            request.method = .RAW(value: operation.method.rawValue)
            request.headers.add(name: ControlServer.operatorHeader, value: NSUserName())
            if let stream {
                request.body = .stream(stream.map { ByteBuffer(bytes: $0) }, length: .unknown)
            } else if body != .null {
                request.body = .bytes(ByteBuffer(bytes: JSONPrinter.bytes(body)))
            }
            let response = try await HTTPClient.shared.execute(
                request, timeout: .seconds(Self.requestSecondsMax))
            let answer = try await response.body.collect(upTo: Self.answerBytesMax)
            return try Self.read(
                Array(answer.readableBytesView), status: Int(response.status.code),
                code: response.headers.first(name: "x-amzn-ErrorType"))
        } catch let error as FleetError {
            throw error
        } catch {
            throw FleetError(
                .serviceUnavailable, "the service at '\(self.socket)' did not answer: \(error)")
        }
    }

    /// Fetches a file and hands it on as it arrives.
    func download(
        _ operation: ControlPlane.Operation, path: [String: String], to sink: ReportSink
    ) async throws(FleetError) {
        do {
            var request = HTTPClientRequest(url: try self.url(operation, path: path, query: [:]))
            request.headers.add(name: ControlServer.operatorHeader, value: NSUserName())
            let response = try await HTTPClient.shared.execute(
                request, timeout: .seconds(Self.requestSecondsMax))
            guard response.status == .ok else {
                let answer = try await response.body.collect(upTo: Self.answerBytesMax)
                _ = try Self.read(
                    Array(answer.readableBytesView), status: Int(response.status.code),
                    code: response.headers.first(name: "x-amzn-ErrorType"))
                return
            }
            for try await piece in response.body { try sink.write(Array(piece.readableBytesView)) }
        } catch let error as FleetError {
            throw error
        } catch {
            throw FleetError(
                .serviceUnavailable, "the service at '\(self.socket)' did not answer: \(error)")
        }
    }

    private func url(
        _ operation: ControlPlane.Operation, path: [String: String], query: [String: String]
    ) throws(FleetError) -> String {
        var target = operation.path.filled(path)
        if !query.isEmpty {
            target +=
                "?"
                + query.sorted { $0.key < $1.key }
                .map { "\($0.key.percentEncoded)=\($0.value.percentEncoded)" }
                .joined(separator: "&")
        }
        guard let url = URL(httpURLWithSocketPath: self.socket, uri: target) else {
            throw FleetError(.invalidRequest, "'\(target.clipped)' is no path")
        }
        return url.absoluteString
    }

    private static func read(
        _ bytes: [UInt8], status: Int, code: String?
    ) throws(FleetError) -> JSONValue {
        let answer: JSONValue
        do throws(JSONError) {
            answer =
                bytes.isEmpty
                ? .null
                : try JSONParser.parse(bytes, limits: JSONLimits(bytesMax: Self.answerBytesMax))
        } catch {
            throw FleetError(
                .internalFailure, "the service answered \(status) with no JSON: \(error)")
        }
        guard status != 200 else { return answer }
        throw FleetError(
            code.flatMap(FleetError.Code.init) ?? .internalFailure,
            answer["message"]?.stringValue ?? "the service answered \(status)")
    }
}
