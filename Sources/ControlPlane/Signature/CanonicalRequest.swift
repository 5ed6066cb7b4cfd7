import Crypto
import Fleet

/// The text whose hash is signed (AWS: Signature Version 4, "Create a canonical request").
struct CanonicalRequest {
    let request: SignedRequest
    let query: CanonicalQuery
    /// Lower-case, in order, each of them present in the request.
    let signedHeaders: [String]
    /// Query parameters that are not part of what is signed.
    let leavingOut: [String]
    /// The body's hash in hex, or what stands in its place.
    let bodyHash: String

    var bytes: [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(1024)
        output += self.request.method.utf8
        output.append(Self.newline)
        CanonicalPath.append(self.request.path, to: &output)
        output.append(Self.newline)
        self.query.append(leavingOut: self.leavingOut, to: &output)
        output.append(Self.newline)
        for name in self.signedHeaders {
            output += name.utf8
            output.append(UInt8(ascii: ":"))
            for (index, value) in self.request.values(of: name).enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                Self.append(trimmed: value, to: &output)
            }
            output.append(Self.newline)
        }
        output.append(Self.newline)
        for (index, name) in self.signedHeaders.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ";")) }
            output += name.utf8
        }
        output.append(Self.newline)
        output += self.bodyHash.utf8
        return output
    }

    /// AWS: Signature Version 4, "Create a string to sign".
    func stringToSign(at time: SignatureTime, _ scope: SignatureParameters.Scope) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(192)
        output += SignatureParameters.algorithm.utf8
        output.append(Self.newline)
        output += time.text.utf8
        output.append(Self.newline)
        output += scope.text.utf8
        output.append(Self.newline)
        output += SHA256.hash(data: self.bytes).hex.utf8
        return output
    }

    private static let newline = UInt8(ascii: "\n")

    /// Without white space at either end, and each run of it inside as one space, quoted or not.
    private static func append(trimmed value: String, to output: inout [UInt8]) {
        let start = output.count
        var isAfterSpace = false
        for byte in value.utf8 {
            if byte == 0x20 || (0x09...0x0D).contains(byte) {
                isAfterSpace = true
                continue
            }
            if isAfterSpace, output.count > start { output.append(0x20) }
            isAfterSpace = false
            output.append(byte)
        }
    }
}
