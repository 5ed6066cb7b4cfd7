import HTTPTypes
import NIOHTTP1
import Testing

@testable import ControlPlane

@Suite struct RequestHeadTests {
    private static func path(_ target: String) -> String? {
        HTTPRequest(HTTPRequestHead(version: .http1_1, method: .GET, uri: target))?.path
    }

    @Test(arguments: [
        ("/things?a=b", "/things?a=b"), ("/a/http://b", "/a/http://b"), ("*", "*"), ("", ""),
        ("http://x:1/things/é?a=/", "/things/é?a=/"), ("HTTP://x", "/"), ("http://x?a", "/?a"),
    ])
    func anAbsoluteTargetIsItsPathAndQuery(target: String, path: String) {
        #expect(Self.path(target) == path)
    }

    @Test func theFirstHostIsTheAuthorityAndAnyOtherStaysAField() throws {
        let head = HTTPRequestHead(
            version: .http1_1, method: .RAW(value: "FETCH"), uri: "/",
            headers: ["HOST": "a", "X-Amz-Date": "b", "host": "c", "no name": "d"])
        let request = try #require(HTTPRequest(head))
        #expect(request.authority == "a")
        #expect(request.method.rawValue == "FETCH")
        #expect(request.headerFields.map(\.name.canonicalName) == ["x-amz-date", "host"])
        #expect(
            HTTPRequest(
                HTTPRequestHead(
                    version: .http1_1, method: .RAW(value: "no token"), uri: "/")) == nil)
    }

    private static let asked: [(String?, String?, ExpectedBody.Invitation)] = [
        ("100-Continue", "12", ExpectedBody.Invitation.invite), ("100-continue", nil, .invite),
        ("100-continue", "1048577", .withhold), ("something", "12", .none), (nil, "12", .none),
    ]

    @Test(arguments: Self.asked)
    func aBodyIsInvitedWhereItsClientWaits(
        expect: String?, length: String?, invitation: ExpectedBody.Invitation
    ) {
        var head = HTTPRequestHead(version: .http1_1, method: .PUT, uri: "/")
        if let expect { head.headers.add(name: "Expect", value: expect) }
        if let length { head.headers.add(name: "Content-Length", value: length) }
        #expect(ExpectedBody.invitation(to: head, bodyBytesMax: 1 << 20) == invitation)
    }
}
