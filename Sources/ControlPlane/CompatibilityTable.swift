import HTTPTypes

/// Which operations of AWS IoT this service has, as a page of documentation: written by the table
/// itself, so that it cannot say what is not so.
package enum CompatibilityTable {
    /// The foreign judge that calls every operation of ours and holds each answer against AWS's
    /// own model of it.
    private static let judge = "`Tests/Interop/test_aws_model.py`"

    private static let general = """
        Of every operation alike: a member or a parameter that it does not know is refused by \
        name, where AWS ignores it. Whatever the model rules out is refused, and changes nothing \
        (`Tests/Interop/test_aws_bad_input.py`). The calls of Terraform's provider are replayed \
        by `Tests/Interop/test_aws_terraform.py`.
        """

    package static func markdown(_ operations: [Operation] = OperationTable.all) -> String {
        let ours = operations.filter(\.isAWS).sorted { $0.name < $1.name }
        let names = Set(ours.map(\.name))
        let others = UnsupportedOperation.all.map(\.name).filter { !names.contains($0) }
        var lines = [
            "# Compatibility with AWS IoT", "",
            "Written from the operation table by `slipway operations --markdown`; a test holds "
                + "this page against it.", "",
            "Of the \(ours.count + others.count) operations of the AWS IoT API (2015-05-28), "
                + "Slipway has \(ours.count). Each is called by \(Self.judge), which drives boto3 "
                + "and holds every successful answer against the model that AWS publishes.", "",
            Self.general, "",
            "| operation | method and path | supported | tested by | differences |",
            "|---|---|---|---|---|",
        ]
        for operation in ours {
            lines.append(
                "| \(operation.name) | `\(operation.method.rawValue) \(operation.path.text)` "
                    + "| yes | \(Self.judge) | \(operation.differences ?? "none known") |")
        }
        lines += [
            "", "## Not supported", "",
            "Each of these is answered with status 400 and `UnsupportedOperationException`, by "
                + "name:", "",
            others.joined(separator: ", ") + ".", "",
            "So are those of the data plane over HTTP (`aws iot-data`): "
                + UnsupportedOperation.ofData.map(\.name).joined(separator: ", ") + ".", "",
        ]
        return lines.joined(separator: "\n")
    }
}
