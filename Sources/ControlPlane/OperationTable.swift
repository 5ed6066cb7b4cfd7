/// Every operation there is.
package enum OperationTable {
    package static let all: [Operation] =
        AllowlistOperations.all + CertificateOperations.all + CertificateRecordOperations.all
        + StatusOperations.all

    /// The row called `name`.
    package static func operation(_ name: String) -> Operation? {
        Self.all.first { $0.name == name }
    }
}
