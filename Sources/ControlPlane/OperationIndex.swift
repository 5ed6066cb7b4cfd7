package import Fleet
package import HTTPTypes

/// Finds the row that a request's method and path name.
package struct OperationIndex: Sendable {
    /// A row that was found, and what its path's labels say.
    package struct Match: Sendable {
        package let operation: Operation
        package let labels: [String: String]
    }

    private struct Key: Hashable {
        let method: HTTPRequest.Method
        let first: Substring
        let count: Int
    }

    private let rows: [Key: [Operation]]
    private let unsupported: [Key: [UnsupportedOperation]]

    package init(_ operations: [Operation]) {
        var rows: [Key: [Operation]] = [:]
        for operation in operations {
            rows[Self.key(of: operation.path, operation.method), default: []].append(operation)
        }
        // A literal says more than a label: `/thing-groups/addThingToThingGroup` is no group.
        self.rows = rows.mapValues { candidates in
            candidates.sorted { $0.path.literalCount > $1.path.literalCount }
        }
        var unsupported: [Key: [UnsupportedOperation]] = [:]
        for operation in UnsupportedOperation.all + UnsupportedOperation.ofData
        where !operations.contains(where: { $0.name == operation.name }) {
            unsupported[Self.key(of: operation.path, operation.method), default: []]
                .append(operation)
        }
        self.unsupported = unsupported
    }

    private static func key(of path: OperationPath, _ method: HTTPRequest.Method) -> Key {
        guard case .literal(let first)? = path.segments.first else {
            preconditionFailure("The table's path \(path.text) begins with a label.")
        }
        return Key(method: method, first: first[...], count: path.segments.count)
    }

    /// - Parameter path: as on the request line, percent-encoded, without the query.
    /// - Throws: `FleetError.unknownOperation` where there is nothing of this method and path,
    ///   `.unsupportedOperation` where AWS IoT has it and this service has not.
    package func match(
        _ method: HTTPRequest.Method, _ path: some StringProtocol
    ) throws(FleetError) -> Match {
        let segments = Substring(path).utf8
            .split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .map { Substring($0) }
        // A path begins with a slash, and may end with one (AWS: ListCertificateProviders).
        var inner = segments.dropFirst()
        if inner.last?.isEmpty == true { inner = inner.dropLast() }
        let names = Array(inner)
        let key = Key(method: method, first: names.first ?? "", count: names.count)
        for operation in self.rows[key] ?? [] {
            guard let found = operation.path.labels(in: names) else { continue }
            var labels: [String: String] = [:]
            for (name, value) in found {
                guard let text = value.percentDecoded() else {
                    throw FleetError(
                        .invalidRequest,
                        "\(name) in the path is not percent-encoded UTF-8: "
                            + "'\(String(value).clipped)'")
                }
                labels[name] = text
            }
            return Match(operation: operation, labels: labels)
        }
        if let other = self.unsupported[key]?.first(where: { $0.path.labels(in: names) != nil }) {
            throw FleetError(
                .unsupportedOperation,
                "\(other.name) is an operation of AWS IoT that Slipway does not have; "
                    + "Documentation/aws-compatibility.md lists those it has",
                resource: other.name)
        }
        throw FleetError(
            .unknownOperation,
            "there is no operation at \(method.rawValue) \(String(path).clipped)")
    }
}

extension OperationPath {
    fileprivate var literalCount: Int {
        self.segments.count { if case .literal = $0 { true } else { false } }
    }
}
