import Fleet
import Testing

@testable import ControlPlane

/// Signatures that another implementation computed (Python's hmac and hashlib; A, B and C are the
/// messaging specification's, 6.4).
@Suite struct SignatureVectorTests {
    struct Vector: CustomTestStringConvertible, Sendable {
        let name: String
        let method: String
        let path: String
        var query = ""
        /// Beside `host` and `x-amz-date`.
        var headers: [(name: String, value: String)] = []
        var signedHeaders = "host;x-amz-date"
        var body: String = ""
        var service = "iot"
        let signature: String

        var testDescription: String { self.name }

        var request: SignedRequest {
            let credential = "AKIDEXAMPLE/20260115/eu-west-1/\(self.service)/aws4_request"
            return SignatureFixture.request(
                self.method, self.path, self.query,
                headers: [SignatureFixture.host, SignatureFixture.date] + self.headers + [
                    (
                        "Authorization",
                        "AWS4-HMAC-SHA256 Credential=\(credential), "
                            + "SignedHeaders=\(self.signedHeaders), Signature=\(self.signature)"
                    )
                ], body: .bytes(Array(self.body.utf8)))
        }
    }

    static let vectors: [Vector] = [
        Vector(
            name: "C: HTTPS publish", method: "POST", path: "/topics/plant%2Fline%201",
            query: "qos=1", body: #"{"t":1}"#, service: "iotdata",
            signature: "9483f9600a5206ebfb023e967c25be3b29390afc1195bad4a50b9168d7833c59"),
        Vector(
            name: "an encoded slash in a name", method: "GET", path: "/things/a%2Fb",
            signature: "c2148385137b0237e857e7939db92242a2e1c98b6d479c393c20a86fc987aef6"),
        Vector(
            name: "a colon sent as it is", method: "GET", path: "/things/plant:1",
            signature: "a42c6f355f7844db5888c969af42b34ecb1f18bba4192e28461dc98849a1b046"),
        Vector(
            name: "an empty path", method: "GET", path: "",
            signature: "87ce7f722a1a661fe6d5c63d62789bfa13b1bfe4b00ffeaee54679efecdfe392"),
        Vector(
            name: "the root", method: "GET", path: "/",
            signature: "87ce7f722a1a661fe6d5c63d62789bfa13b1bfe4b00ffeaee54679efecdfe392"),
        Vector(
            name: "repeated slashes", method: "GET", path: "//things///a",
            signature: "31d2d0b9b0b5b1e96062f048e581715a6824f4bb31d1a95cba3834777d84a3dc"),
        Vector(
            name: "a slash at the end", method: "GET", path: "/things/a/",
            signature: "a8ed4d2374054b056377c912674c608c5575b7955b5b9a520baab89979e6655b"),
        Vector(
            name: "dot segments", method: "GET", path: "/policies/../things/./x/../a",
            signature: "31d2d0b9b0b5b1e96062f048e581715a6824f4bb31d1a95cba3834777d84a3dc"),
        Vector(
            name: "above the root", method: "GET", path: "/../../things",
            signature: "84685a73a3b2977243081bd0e91a0c6f06ebdec51c7ea721a49be2b04d52ee4b"),
        Vector(
            name: "repeated and empty parameters", method: "GET", path: "/things",
            query: "b=2&a=&a=1&c&b=1&B=3&a-b=4&=5",
            signature: "ad6b97aee814785729e3eeb2ee109c83f7756d456ff0701b0a40808b4f158c4f"),
        Vector(
            name: "encoded names decide the order", method: "GET", path: "/things",
            query: "%C3%BC=1&z=2&%7Ea=3&a%20b=4&a=5",
            signature: "3cb0f17d304ccb83ec23d86943ab08761611aa85868ba472b177d80e18b3282e"),
        Vector(
            name: "space and plus", method: "GET", path: "/things", query: "q=a%20b&r=a+b&s=a%2Bb",
            signature: "00823a4bcc6451c23226d635ce788c53823a337e1606deb8abeb6d01ca6627e9"),
        Vector(
            name: "lower-case hex and needless encoding", method: "GET", path: "/things",
            query: "q=%2f%41%7e",
            signature: "ed548d0ba80b47900ef5a9d1f443e8f799f48db0d667535cb4ccb88f83159686"),
        Vector(
            name: "an equals sign in a value", method: "GET", path: "/things",
            query: "nextToken=abc==&x=a%3Db",
            signature: "8318814347faacc43777572282f69d23c46f14e04cb424c1e80f472ffe8bba7c"),
        Vector(
            name: "UTF-8", method: "GET", path: "/things/%C3%9Cbung", query: "q=%E6%B8%A9%E5%BA%A6",
            signature: "e52154dee50dca3b904d65f27a9fc5b52d5bdbab36f8659b55c4fdad365ff25d"),
        Vector(
            name: "white space in a header", method: "GET", path: "/things",
            headers: [("X-Amzn-Principal", "  a   b\t c  \"d   e\" ")],
            signedHeaders: "host;x-amz-date;x-amzn-principal",
            signature: "4f5242a3718fc0b6a0bc11b34921fd3d824b2655525d64b8a0430cb5c4945a3d"),
        Vector(
            name: "a repeated header", method: "GET", path: "/things",
            headers: [("My-Header", "b"), ("my-header", "  a"), ("MY-HEADER", "c  d")],
            signedHeaders: "host;my-header;x-amz-date",
            signature: "fbd35e47fa3040792466de019e2503c4f0921c8a42e05c671aed804a9eed43ac"),
        Vector(
            name: "an empty header", method: "GET", path: "/things", headers: [("My-Header", "")],
            signedHeaders: "host;my-header;x-amz-date",
            signature: "91070a482c127ea4e5b4d7c8bed5cfa8a205c2898925fca81508a76384ebef46"),
        Vector(
            name: "a body", method: "POST", path: "/things/a",
            headers: [("Content-Type", "application/json")],
            signedHeaders: "content-type;host;x-amz-date",
            body: #"{"attributePayload":{"attributes":{"ort":"Übung"}}}"#, service: "execute-api",
            signature: "b12f7fc457b5690a68d258536cc1024d1d7020494d6ef9aa89f3f20c496f3fbc"),
        Vector(
            name: "a body whose hash is sent", method: "POST", path: "/things/a",
            headers: [
                (
                    "X-Amz-Content-SHA256",
                    "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
                )
            ],
            signedHeaders: "host;x-amz-content-sha256;x-amz-date", body: "{}",
            signature: "26c78a12a29b21ee081a17948ac07f8d55ea64c7cb22a94f5c046d292b00d00f"),
        Vector(
            name: "an unsigned body", method: "POST", path: "/things/a",
            headers: [("X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD")],
            signedHeaders: "host;x-amz-content-sha256;x-amz-date", body: "{}",
            signature: "3d836d95321b3d49de622ef6f1b7b20a8d25643dfad76b2f8f87809f51f0b3ba"),
    ]

    @Test(arguments: Self.vectors) func theHeaderFormIsAccepted(vector: Vector) async {
        #expect(await SignatureFixture.refusal(vector.request) == nil)
    }

    @Test func theDateHeaderServesWhereThereIsNoOther() async {
        let request = SignatureFixture.request(headers: [
            SignatureFixture.host, ("Date", "Thu, 15 Jan 2026 08:30:00 GMT"),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260115/eu-west-1/iot/aws4_request,"
                    + "SignedHeaders=date;host,Signature="
                    + "048a35821ac224512853a8279febf09334592ab5938be23ff8f5e3ced18ca91d"
            ),
        ])
        #expect(await SignatureFixture.refusal(request) == nil)
    }

    @Test func aSessionTokenInAHeaderIsSigned() async {
        let request = SignatureFixture.request(headers: [
            SignatureFixture.host, SignatureFixture.date,
            ("X-Amz-Security-Token", SignatureFixture.sessionToken),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260115/eu-west-1/iot/aws4_request, "
                    + "SignedHeaders=host;x-amz-date;x-amz-security-token, Signature="
                    + "71d2f979de85fd0426d42c7ebb254cc6f8a50bdb28ebb990fdbdcc1f3b38ceca"
            ),
        ])
        #expect(
            await SignatureFixture.refusal(request, known: SignatureFixture.session) == nil)
    }

    private static func query(_ service: String, _ rest: String) -> String {
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260115%2Feu-west-1"
            + "%2F\(service)%2Faws4_request&X-Amz-Date=20260115T083000Z\(rest)"
    }

    private static let signatureA =
        "X-Amz-Signature=b9a45b07cdcb5014781d93f25a588e545373695c221fbc49f157e9c1ac092c6d"

    /// The token is not signed, and its place varies between SDKs.
    @Test(arguments: [
        "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&\(signatureA)"
            + "&X-Amz-Security-Token=FQoGZX%2FEXAMPLE%3D%3D",
        "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
            + "&X-Amz-Security-Token=FQoGZX/EXAMPLE==&\(signatureA)",
    ])
    func vectorAWithAToken(rest: String) async {
        let request = SignatureFixture.request(
            "GET", "/mqtt", Self.query("iotdevicegateway", rest), headers: [SignatureFixture.host])
        #expect(
            await SignatureFixture.refusal(request, known: SignatureFixture.session) == nil)
    }

    @Test func vectorA() async {
        let request = SignatureFixture.request(
            "GET", "/mqtt",
            Self.query(
                "iotdevicegateway",
                "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&\(Self.signatureA)"),
            headers: [SignatureFixture.host])
        #expect(await SignatureFixture.refusal(request) == nil)
    }

    @Test func vectorB() async {
        let request = SignatureFixture.request(
            "GET", "/mqtt",
            Self.query(
                "iotdevicegateway",
                "&X-Amz-SignedHeaders=connection%3Bhost&X-Amz-Signature="
                    + "1b3fb120aac09f71debe86357cd9546a5f0753764b3a7f74f3c84223bc6feefc"),
            headers: [SignatureFixture.host, ("connection", "Upgrade")])
        #expect(await SignatureFixture.refusal(request) == nil)
    }

    @Test func aPresignedRequestIsAccepted() async {
        let request = SignatureFixture.request(
            "GET", "/things",
            Self.query(
                "iot",
                "&X-Amz-Expires=600&X-Amz-SignedHeaders=host&maxResults=5&X-Amz-Signature="
                    + "061fb8ea4a3c047fb74726fec112b613dafb5167cfc4d288e9ad6b3301795029"),
            headers: [SignatureFixture.host])
        #expect(await SignatureFixture.refusal(request) == nil)
    }

    /// Everywhere but at the gateway the token is part of what is signed.
    @Test func aPresignedTokenIsSignedForTheControlPlane() async {
        let signature =
            "&X-Amz-Signature=4c65a44eda0c82c4162ab71699b0b9a6be51c6d6ca3cb021654972c144577bd5"
        let request = SignatureFixture.request(
            "GET", "/things",
            Self.query(
                "iot",
                "&X-Amz-Expires=600&X-Amz-SignedHeaders=host"
                    + "&X-Amz-Security-Token=FQoGZX%2FEXAMPLE%3D%3D\(signature)"),
            headers: [SignatureFixture.host])
        #expect(
            await SignatureFixture.refusal(request, known: SignatureFixture.session) == nil)
    }
}
