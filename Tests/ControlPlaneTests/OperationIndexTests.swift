import Fleet
import HTTPTypes
import JSON
import Testing

@testable import ControlPlane

@Suite struct OperationIndexTests {
    private static func row(_ name: String, _ method: HTTPRequest.Method, _ path: OperationPath)
        -> Operation
    {
        Operation(name, method, path, summary: "") { _, _ in .null }
    }

    private let index = OperationIndex([
        Self.row("Group", .put, "/thing-groups/{thingGroupName}"),
        Self.row("Add", .put, "/thing-groups/addThingToThingGroup"),
        Self.row("Attached", .post, "/attached-policies/{target}"),
        Self.row("Providers", .get, "/certificate-providers/"),
        Self.row("Things", .get, "/things"),
    ])

    private func match(_ method: HTTPRequest.Method, _ path: String) throws -> String {
        let match = try self.index.match(method, path)
        let labels = match.labels.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }
        return match.operation.name + labels.joined()
    }

    @Test func aLiteralSaysMoreThanALabel() throws {
        #expect(try self.match(.put, "/thing-groups/addThingToThingGroup") == "Add")
        #expect(try self.match(.put, "/thing-groups/other") == "Group thingGroupName=other")
    }

    @Test func aLabelIsDecodedAfterThePathIsCut() throws {
        #expect(
            try self.match(.post, "/attached-policies/arn%3Aaws%3Aiot%3Al%3A0%3Acert%2Fab")
                == "Attached target=arn:aws:iot:l:0:cert/ab")
        #expect(try self.match(.post, "/attached-policies/%C3%A4") == "Attached target=ä")
        #expect(try self.match(.post, "/attached-policies/a+b") == "Attached target=a+b")
    }

    @Test func aSlashAtTheEndMakesNoDifference() throws {
        #expect(try self.match(.get, "/certificate-providers/") == "Providers")
        #expect(try self.match(.get, "/certificate-providers") == "Providers")
        #expect(try self.match(.get, "/things/") == "Things")
    }

    @Test(arguments: ["/attached-policies/%", "/attached-policies/%4", "/attached-policies/%FF"])
    func whatIsNoPercentEncodedTextIsRefused(path: String) {
        #expect { try self.match(.post, path) } throws: {
            ($0 as? FleetError)?.code == .invalidRequest
        }
    }

    @Test(arguments: ["", "/", "//", "/things//", "/nothing", "/things/a/b/c/d"])
    func whatIsNotThereIsAnUnknownOperation(path: String) {
        #expect { try self.match(.get, path) } throws: {
            ($0 as? FleetError)?.code == .unknownOperation
        }
    }

    @Test func whatAWSHasAndWeHaveNotIsNamed() {
        #expect { try self.match(.get, "/jobs/j-1") } throws: { error in
            let error = error as? FleetError
            return error?.code == .unsupportedOperation && error?.resource == "DescribeJob"
        }
    }

    /// boto3's `iot-data` comes to this port where its user gives it no other.
    @Test(arguments: [
        (HTTPRequest.Method.get, "/things/a/shadow", "GetThingShadow"),
        (.post, "/topics/a%2Fb", "Publish"), (.delete, "/connections/a", "DeleteConnection"),
    ])
    func theDataPlaneIsNamedToo(method: HTTPRequest.Method, path: String, name: String) {
        #expect { try self.match(method, path) } throws: { error in
            let error = error as? FleetError
            return error?.code == .unsupportedOperation && error?.resource == name
        }
    }

    @Test func theModelNamesEveryOperationOnce() {
        let names = UnsupportedOperation.all.map(\.name)
        #expect(names.count == 272)
        #expect(Set(names).count == names.count)
    }

    /// Every row of ours that AWS has too lies where AWS has it.
    @Test func rowsLieWhereTheModelSays() throws {
        let model = Dictionary(
            uniqueKeysWithValues: UnsupportedOperation.all.map { ($0.name, $0) })
        for row in OperationTable.all where row.isAWS {
            let known = try #require(model[row.name], "\(row.name) is no operation of AWS IoT")
            #expect(known.method == row.method, "\(row.name)")
            #expect(known.path.segments == row.path.segments, "\(row.name)")
        }
    }
}
