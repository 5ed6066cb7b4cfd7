import Fleet
import Foundation
import Provisioning

/// A file that is sent whole: a document or a script.
enum TextFile {
    /// More than any of them may have; what is sent is judged by who reads it.
    private static let bytesMax = TemplateLimits.largest.bodyBytesMax

    /// - Parameter file: `-` is standard input.
    static func read(_ file: String) async throws(FleetError) -> String {
        var bytes: [UInt8] = []
        do {
            for try await chunk in try FileChunks(path: file) {
                bytes += chunk
                guard bytes.count <= Self.bytesMax else { break }
            }
        } catch let error as FleetError {
            throw error
        } catch {
            throw FleetError(.invalidRequest, "'\(file)' cannot be read: \(error)")
        }
        guard bytes.count <= Self.bytesMax else {
            throw FleetError(.invalidRequest, "'\(file)' is longer than \(Self.bytesMax) bytes")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw FleetError(.invalidRequest, "'\(file)' is not valid UTF-8")
        }
        return text
    }
}
