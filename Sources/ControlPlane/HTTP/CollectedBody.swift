import Fleet
import HTTPTypes
import HummingbirdCore
import NIOCore

/// A body that is taken whole, within its bounds of size and time.
enum CollectedBody {
    /// The refusal of one that is longer.
    static func tooLong(bytesMax: Int) -> FleetError {
        FleetError(.invalidRequest, "the body is longer than \(bytesMax) bytes")
    }

    /// - Throws: `tooLong` for one that is; `FleetError.invalidRequest` for one that did not
    ///   arrive.
    static func read(
        _ request: Request, over connection: RequestConnection, bytesMax: Int, secondsMax: Int64
    ) async throws(FleetError) -> [UInt8] {
        // Found by looking through them: to ask the fields by name makes a table of them first.
        let length = request.headers.first { $0.name == .contentLength }?.value
        if length == "0" { return [] }
        let tooLong = Self.tooLong(bytesMax: bytesMax)
        // Nobody need send it first to be told.
        if let length = length.flatMap({ Int($0) }), length > bytesMax {
            throw tooLong
        }
        // A body that trickles in holds a connection and a task; the idle timer never sees it.
        // No more is read then, so that there is an answer before the connection ends; TLS has
        // no such half (RFC 8446 6.1).
        let clock = ContinuousClock()
        let end = clock.now + .seconds(secondsMax)
        let channel = connection.channel
        let deadline =
            connection.hasWholeRequest
            ? nil
            : channel.eventLoop.scheduleTask(in: .seconds(secondsMax)) {
                channel.close(mode: .input).whenFailure { _ in channel.close(promise: nil) }
            }
        defer { deadline?.cancel() }
        do {
            let buffer = try await request.body.collect(upTo: bytesMax)
            return Array(buffer.readableBytesView)
        } catch is NIOTooManyBytesError {
            throw tooLong
        } catch {
            throw FleetError(
                .invalidRequest,
                clock.now < end
                    ? "the body did not arrive whole"
                    : "the body did not arrive within \(secondsMax) seconds")
        }
    }
}
