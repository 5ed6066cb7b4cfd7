import CertificateAuthority
import Fleet
import Foundation

/// A file of certificates in PEM: one, or a chain.
enum CertificateFile {
    private static let endLine = "-----END CERTIFICATE-----"

    /// - Throws: `FleetError.invalidRequest` naming the file, and which certificate is none.
    static func read(_ file: String) throws(FleetError) -> [CertificateFacts] {
        let text = String(
            decoding: try PrivateFile.read(file, as: "the certificate"), as: UTF8.self)
        var blocks = text.components(separatedBy: Self.endLine)
        let rest = blocks.removeLast()
        guard !blocks.isEmpty, rest.allSatisfy(\.isWhitespace) else {
            throw FleetError(.invalidRequest, "'\(file)' is not a file of certificates in PEM")
        }
        var found: [CertificateFacts] = []
        for block in blocks {
            let pem = block.drop(while: \.isWhitespace) + Self.endLine + "\n"
            do throws(FleetError) { found.append(try CertificateFacts(pem: String(pem))) } catch {
                throw FleetError(
                    .invalidRequest, "'\(file)', number \(found.count + 1): \(error.message)")
            }
        }
        return found
    }
}
