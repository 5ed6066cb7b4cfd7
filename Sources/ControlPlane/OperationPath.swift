import Fleet

/// Where an operation is found: `/things/{thingName}/principals`, as the API model writes it.
package struct OperationPath: Hashable, Sendable, ExpressibleByStringLiteral {
    enum Segment: Hashable, Sendable {
        case literal(String)
        case label(String)
    }

    package let text: String
    let segments: [Segment]

    package init(stringLiteral text: String) { self.init(text) }

    package init(_ text: String) {
        self.text = text
        self.segments = text.split(separator: "/").map { segment in
            segment.hasPrefix("{") && segment.hasSuffix("}")
                ? .label(String(segment.dropFirst().dropLast())) : .literal(String(segment))
        }
    }

    /// The labels' values where `segments`, still percent-encoded, are such a path.
    func labels(in segments: [Substring]) -> [(name: String, value: Substring)]? {
        guard segments.count == self.segments.count else { return nil }
        var labels: [(name: String, value: Substring)] = []
        for (mine, theirs) in zip(self.segments, segments) {
            switch mine {
            case .literal(let text): guard theirs == text else { return nil }
            case .label(let name):
                guard !theirs.isEmpty else { return nil }
                labels.append((name, theirs))
            }
        }
        return labels
    }

    /// The path with each label filled in and percent-encoded, for a client. AWS signs and routes
    /// `/certificate-providers/` with the slash that its model has.
    package func filled(_ values: [String: String]) -> String {
        "/"
            + self.segments.map { segment in
                switch segment {
                case .literal(let text): text
                case .label(let name): (values[name] ?? "").percentEncoded
                }
            }.joined(separator: "/") + (self.text.hasSuffix("/") && self.text != "/" ? "/" : "")
    }
}

extension StringProtocol {
    /// RFC 3986 2.1, unreserved characters only left as they are.
    package var percentEncoded: String {
        var output: [UInt8] = []
        for byte in self.utf8 { PercentCoding.append(byte, to: &output) }
        return String(decoding: output, as: UTF8.self)
    }

    /// RFC 3986 2.1; nil where a `%` is followed by no two hex digits, or the bytes are no UTF-8.
    /// - Parameter plusIsSpace: as in a query, where forms write a space so.
    package func percentDecoded(plusIsSpace: Bool = false) -> String? {
        if !self.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) {
            return String(self)
        }
        let decoded = PercentCoding.decoding(self.utf8, plusIsSpace: plusIsSpace)
        guard decoded.isWellFormed else { return nil }
        return String(validating: decoded.bytes, as: UTF8.self)
    }
}
