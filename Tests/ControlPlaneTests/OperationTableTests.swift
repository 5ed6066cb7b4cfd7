import Fleet
import HTTPTypes
import Testing

@testable import ControlPlane

@Suite struct OperationTableTests {
    @Test func everyOperationHasANameAndAnAddressOfItsOwn() {
        let operations = OperationTable.all
        #expect(Set(operations.map(\.name)).count == operations.count)
        #expect(
            Set(operations.map { "\($0.method) \($0.path.text)" }).count == operations.count)
    }

    @Test(arguments: FleetError.Code.allCases)
    func everyRefusalHasAStatusThatSaysItIsOne(code: FleetError.Code) {
        #expect((400...599).contains(ErrorResponse.status(of: code).code))
    }

    /// Provisioning specification, 0.2: where AWS departs from what one would guess.
    @Test(arguments: [
        (FleetError.Code.throttled, 400), (.limitExceeded, 410), (.certificateState, 406),
        (.unauthorized, 401), (.notFound, 404), (.alreadyExists, 409),
    ])
    func statusesAreThoseOfAWS(code: FleetError.Code, status: Int) {
        #expect(ErrorResponse.status(of: code).code == status)
    }
}
