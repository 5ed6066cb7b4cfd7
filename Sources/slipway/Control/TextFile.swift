import Fleet
import Foundation
import JSON
import Provisioning

/// A file that is sent whole: a document or a script.
enum TextFile {
    /// More than any of them may have; what is sent is judged by who reads it.
    private static let bytesMax = TemplateLimits.largest.bodyBytesMax

    /// Why a file is no text, and where in it.
    struct Fault: Error {
        let error: FleetError
        let position: JSONSourceMap.Position?

        init(_ message: String, at position: JSONSourceMap.Position? = nil) {
            self.init(FleetError(.invalidRequest, message), at: position)
        }

        init(_ error: FleetError, at position: JSONSourceMap.Position? = nil) {
            self.error = error
            self.position = position
        }
    }

    /// - Parameter file: `-` is standard input.
    static func read(_ file: String) async throws(FleetError) -> String {
        do throws(Fault) { return try await Self.load(file) } catch {
            let place = error.position.map { " (\($0))" } ?? ""
            throw FleetError(error.error.code, error.error.message + place)
        }
    }

    /// The same for who tells places apart from words.
    static func load(_ file: String) async throws(Fault) -> String {
        var bytes: [UInt8] = []
        do {
            for try await chunk in try FileChunks(path: file) {
                bytes += chunk
                guard bytes.count <= Self.bytesMax else { break }
            }
        } catch let error as FleetError {
            throw Fault(error)
        } catch {
            throw Fault("'\(file)' cannot be read: \(error)")
        }
        guard bytes.count <= Self.bytesMax else {
            throw Fault(
                "'\(file)' is longer than \(Self.bytesMax) bytes",
                at: JSONSourceMap.Position(ofByte: Self.bytesMax, in: bytes))
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Fault(
                "'\(file)' is not valid UTF-8", at: JSONSourceMap.Position(endOfUTF8In: bytes))
        }
        return text
    }
}
