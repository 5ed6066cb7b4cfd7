import Fleet
import Testing

@Suite struct CertificateStatusTests {
    /// The whole machine, row by row: from, then every status it may become.
    @Test(arguments: [
        (Certificate.Status.active, [Certificate.Status.active, .inactive, .revoked]),
        (.inactive, [.active, .inactive, .revoked]),
        (.revoked, [.revoked]),
        (.pendingTransfer, [.active, .inactive, .revoked, .pendingTransfer]),
        (.registerInactive, [.active, .inactive, .revoked, .registerInactive]),
        (.pendingActivation, [.active, .inactive, .revoked, .pendingActivation]),
    ])
    func onlyTheseStepsAreOpen(from: Certificate.Status, open: [Certificate.Status]) {
        for next in Certificate.Status.allCases {
            #expect(from.canBecome(next) == open.contains(next), "\(from) to \(next)")
        }
    }

    @Test func everyStatusIsNamedAsAWSNamesIt() {
        #expect(
            Certificate.Status.allCases.map(\.rawValue).sorted() == [
                "ACTIVE", "INACTIVE", "PENDING_ACTIVATION", "PENDING_TRANSFER",
                "REGISTER_INACTIVE", "REVOKED",
            ])
    }
}

@Suite struct FleetErrorTests {
    @Test func everyCodeHasItsOwnName() {
        let names = FleetError.Code.allCases.map(\.rawValue)
        #expect(Set(names).count == names.count)
    }

    @Test func printsItsNameAndItsMessage() {
        #expect(
            "\(FleetError(.notFound, "no thing 'x'"))"
                == "ResourceNotFoundException: no thing 'x'")
    }
}
