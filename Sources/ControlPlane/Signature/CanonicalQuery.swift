/// The parameters of a query, decoded, in order of arrival.
///
/// What a canonical request is made of and what an operation is given come from this one reading,
/// so that nobody can sign one thing and have another done.
package struct CanonicalQuery: Sendable {
    package struct Parameter: Hashable, Sendable {
        package let name: [UInt8]
        package let value: [UInt8]
    }

    package let parameters: [Parameter]

    /// - Parameter query: as on the request line. `a` and `a=` are the same; an empty place
    ///   between two `&` is a parameter without name and value, as signers take it.
    package init(_ query: String) {
        guard !query.isEmpty else {
            self.parameters = []
            return
        }
        let bytes = Array(query.utf8)
        self.parameters = bytes.split(
            separator: UInt8(ascii: "&"), omittingEmptySubsequences: false
        ).map { pair in
            let name = pair.prefix { $0 != UInt8(ascii: "=") }
            return Parameter(
                name: PercentCoding.decoded(name),
                value: PercentCoding.decoded(pair.dropFirst(name.count + 1)))
        }
    }

    /// The values of `name`, in order of arrival.
    package func values(of name: String) -> [String] {
        self.parameters.filter { $0.name.elementsEqual(name.utf8) }
            .map { String(decoding: $0.value, as: UTF8.self) }
    }

    /// Encoded, in the order of the encoded names' bytes and then the encoded values'.
    func append(leavingOut left: [String], to output: inout [UInt8]) {
        var pairs: [(name: [UInt8], value: [UInt8])] = []
        for parameter in self.parameters {
            if left.contains(where: { parameter.name.elementsEqual($0.utf8) }) { continue }
            pairs.append((Self.encoded(parameter.name), Self.encoded(parameter.value)))
        }
        pairs.sort { left, right in
            left.name == right.name
                ? left.value.lexicographicallyPrecedes(right.value)
                : left.name.lexicographicallyPrecedes(right.name)
        }
        for (index, pair) in pairs.enumerated() {
            if index > 0 { output.append(UInt8(ascii: "&")) }
            output += pair.name
            output.append(UInt8(ascii: "="))
            output += pair.value
        }
    }

    private static func encoded(_ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        for byte in bytes { PercentCoding.append(byte, to: &output) }
        return output
    }
}
