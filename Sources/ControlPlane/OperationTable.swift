/// Every operation there is.
package enum OperationTable {
    package static let all: [Operation] =
        AccountOperations.all + AllowlistOperations.all + AuthorityOperations.all
        + CertificateOperations.all + CertificateRecordOperations.all + ClaimOperations.all
        + IssuanceOperations.all + StatusOperations.all + TemplateOperations.all
        + TemplateVersionOperations.all

    /// The row called `name`.
    package static func operation(_ name: String) -> Operation? {
        Self.all.first { $0.name == name }
    }
}
