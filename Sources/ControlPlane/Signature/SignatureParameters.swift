import Fleet

/// What a request says of its own signature, in the `Authorization` header or in its query.
struct SignatureParameters {
    enum Form: Hashable {
        case header
        /// A presigned URL, good for `expires` seconds where it says so.
        case query(expires: Int64?)
    }

    static let algorithm = "AWS4-HMAC-SHA256"
    static let terminator = "aws4_request"
    /// AWS: a presigned URL lives a week at most.
    static let expiresSecondsMax: Int64 = 604_800
    /// Of an `Authorization` header: three are known.
    static let membersMax = 16
    /// Many more than any client signs.
    static let signedHeadersMax = 64

    let form: Form
    let keyID: String
    let scope: Scope
    /// Lower-case, in order, no name twice.
    let signedHeaders: [String]
    /// The 32 bytes that the hex stands for.
    let signature: [UInt8]
    let time: SignatureTime
    let sessionToken: String?

    struct Scope: Hashable {
        let day: String
        let region: String
        let service: String
        let terminator: String
        /// `20260115/eu-west-1/iot/aws4_request`
        var text: String {
            "\(self.day)/\(self.region)/\(self.service)/\(self.terminator)"
        }
    }

    /// - Throws: `FleetError.missingAuthenticationToken` for a request that is not signed at all;
    ///   `.incompleteSignature` naming what is missing or misshapen.
    init(_ request: SignedRequest, _ query: CanonicalQuery) throws(FleetError) {
        let authorization = request.values(of: "authorization")
        let isPresigned =
            !query.values(of: "X-Amz-Algorithm").isEmpty
            || !query.values(of: "X-Amz-Signature").isEmpty
        switch (authorization.count, isPresigned) {
        case (0, false):
            throw FleetError(.missingAuthenticationToken, "Missing Authentication Token")
        case (0, true): try self.init(query: query)
        case (1, false): try self.init(header: authorization[0], request)
        default:
            throw FleetError(
                .incompleteSignature,
                "a request is signed once: in one 'Authorization' header or in its query")
        }
    }

    private init(header: String, _ request: SignedRequest) throws(FleetError) {
        let space = header.utf8.firstIndex(of: UInt8(ascii: " ")) ?? header.endIndex
        guard header[..<space] == Self.algorithm else {
            throw FleetError(
                .incompleteSignature,
                "'\(String(header[..<space]).clipped)' is no algorithm that is known here: "
                    + "\(Self.algorithm)")
        }
        let members = try Self.members(of: String(header[space...]))
        func member(_ name: String) -> String? {
            members.first { $0.name == name && !$0.value.isEmpty }?.value
        }
        guard let time = try Self.headerTime(request), let credential = member("Credential"),
            let signature = member("Signature"), let signed = member("SignedHeaders")
        else {
            var missing = ["Credential", "Signature", "SignedHeaders"]
                .filter { member($0) == nil }
                .map { "Authorization header requires '\($0)' parameter." }
            if try Self.headerTime(request) == nil {
                missing.append(
                    "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' "
                        + "header.")
            }
            throw FleetError(.incompleteSignature, missing.joined(separator: " "))
        }
        self.form = .header
        self.time = time
        (self.keyID, self.scope) = try Self.credential(credential)
        self.signedHeaders = try Self.signedHeaders(signed)
        self.signature = try Self.signature(signature)
        self.sessionToken = try Self.single(
            request.values(of: "x-amz-security-token"), "x-amz-security-token")
    }

    private init(query: CanonicalQuery) throws(FleetError) {
        var members: [String: String] = [:]
        for name in [
            "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
            "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Security-Token",
        ] {
            members[name] = try Self.single(query.values(of: name), name)
        }
        guard members["X-Amz-Algorithm"] == Self.algorithm else {
            throw FleetError(
                .incompleteSignature, "X-Amz-Algorithm must be \(Self.algorithm)")
        }
        let required = [
            "X-Amz-Credential", "X-Amz-Date", "X-Amz-Signature", "X-Amz-SignedHeaders",
        ]
        let missing = required.filter { members[$0, default: ""].isEmpty }
        guard missing.isEmpty, let credential = members["X-Amz-Credential"],
            let date = members["X-Amz-Date"], let signature = members["X-Amz-Signature"],
            let signed = members["X-Amz-SignedHeaders"]
        else {
            throw FleetError(
                .incompleteSignature,
                missing.map { "AWS query-string parameters must include '\($0)'." }
                    .joined(separator: " "))
        }
        self.form = .query(expires: try members["X-Amz-Expires"].map(Self.expires))
        self.time = try Self.basicTime(date, "X-Amz-Date")
        (self.keyID, self.scope) = try Self.credential(credential)
        self.signedHeaders = try Self.signedHeaders(signed)
        self.signature = try Self.signature(signature)
        self.sessionToken = members["X-Amz-Security-Token"]
    }
}

// How each part is read: by bytes, of every request. To look for the ends of characters would cost
// more than all else about a signature.
extension SignatureParameters {
    /// What follows the algorithm in an `Authorization` header: `name=value`, between commas.
    private static func members(
        of text: String
    ) throws(FleetError) -> [(name: String, value: String)] {
        var text = text
        let found = text.withUTF8 { bytes in
            bytes.split(
                separator: UInt8(ascii: ","), maxSplits: Self.membersMax
            ).map { member in
                let text = member.drop { $0 == UInt8(ascii: " ") }
                let name = text.prefix { $0 != UInt8(ascii: "=") }
                let value = text[name.endIndex...].dropFirst().prefix { $0 != UInt8(ascii: " ") }
                return (
                    name: String(decoding: name, as: UTF8.self),
                    value: name.endIndex < text.endIndex
                        ? String(decoding: value, as: UTF8.self) : nil
                )
            }
        }
        guard found.count <= Self.membersMax else {
            throw FleetError(
                .incompleteSignature,
                "the Authorization header has more than \(Self.membersMax) parts")
        }
        var members: [(name: String, value: String)] = []
        members.reserveCapacity(found.count)
        for (name, value) in found {
            guard let value, !members.contains(where: { $0.name == name }) else {
                throw FleetError(
                    .incompleteSignature,
                    "'\(name.clipped)' stands alone or twice in the Authorization header")
            }
            members.append((name, value))
        }
        return members
    }

    private static func single(
        _ values: [String], _ name: String
    ) throws(FleetError) -> String? {
        guard values.count <= 1 else {
            throw FleetError(.incompleteSignature, "'\(name)' is there twice")
        }
        return values.first
    }

    private static func headerTime(
        _ request: SignedRequest
    ) throws(FleetError) -> SignatureTime? {
        if let date = try Self.single(request.values(of: "x-amz-date"), "X-Amz-Date") {
            return try Self.basicTime(date, "X-Amz-Date")
        }
        guard let date = try Self.single(request.values(of: "date"), "Date") else { return nil }
        if let time = SignatureTime(fixdate: date) { return time }
        return try Self.basicTime(date, "Date")
    }

    private static func basicTime(
        _ text: String, _ name: String
    ) throws(FleetError) -> SignatureTime {
        guard let time = SignatureTime(basic: text) else {
            throw FleetError(
                .incompleteSignature,
                "Date must be in ISO-8601 'basic format'. Got '\(text.clipped)' in \(name). See "
                    + "http://en.wikipedia.org/wiki/ISO_8601")
        }
        return time
    }

    private static func expires(_ text: String) throws(FleetError) -> Int64 {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let seconds = Int64(text),
            (1...Self.expiresSecondsMax).contains(seconds)
        else {
            throw FleetError(
                .incompleteSignature,
                "X-Amz-Expires must be a whole number of seconds, at most "
                    + "\(Self.expiresSecondsMax)")
        }
        return seconds
    }

    private static func parts(of text: String, at separator: UInt8) -> [String] {
        var text = text
        return text.withUTF8 { bytes in
            bytes.split(separator: separator, omittingEmptySubsequences: false)
                .map { String(decoding: $0, as: UTF8.self) }
        }
    }

    private static func credential(
        _ text: String
    ) throws(FleetError) -> (keyID: String, scope: Scope) {
        let parts = Self.parts(of: text, at: UInt8(ascii: "/"))
        guard parts.count == 5 else {
            throw FleetError(
                .incompleteSignature,
                "Credential must have exactly 5 slash-delimited elements, e.g. "
                    + "keyid/date/region/service/term, got '\(text.clipped)'")
        }
        return (
            parts[0],
            Scope(day: parts[1], region: parts[2], service: parts[3], terminator: parts[4])
        )
    }

    private static func signedHeaders(_ text: String) throws(FleetError) -> [String] {
        let names = Self.parts(of: text, at: UInt8(ascii: ";"))
        guard names.count <= Self.signedHeadersMax,
            names.allSatisfy({ name in
                !name.isEmpty
                    && name.utf8.allSatisfy { byte in
                        byte > 0x20 && byte < 0x7F
                            && !(UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    }
            }),
            // Texts of ASCII are in the order of their bytes.
            (1..<max(1, names.count)).allSatisfy({ names[$0 - 1] < names[$0] })
        else {
            throw FleetError(
                .incompleteSignature,
                "SignedHeaders must be lower-case names in order, separated by ';', at most "
                    + "\(Self.signedHeadersMax): got '\(text.clipped)'")
        }
        return names
    }

    /// Lower-case hex alone: one signature has one text.
    private static func signature(_ text: String) throws(FleetError) -> [UInt8] {
        let digits = Array(text.utf8)
        func value(_ digit: UInt8) -> UInt8? {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
            default: nil
            }
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count - 1, by: 2) {
            guard let high = value(digits[index]), let low = value(digits[index + 1]) else { break }
            bytes.append(high << 4 | low)
        }
        guard digits.count == 64, bytes.count == 32 else {
            throw FleetError(.incompleteSignature, "a signature is 64 lower-case hex digits")
        }
        return bytes
    }
}
