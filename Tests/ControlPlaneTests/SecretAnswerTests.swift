import Fleet
import JSON
import Testing

@testable import ControlPlane

@Suite struct SecretAnswerTests {
    @Test func theKeyIsInTheAnswerAsAWSHasIt() throws {
        let pem = "-----BEGIN PRIVATE KEY-----\r\nAB+/=\n-----END PRIVATE KEY-----\n"
        let pair = KeyPair(
            publicKey: [1, 2, 3], privateKeyPEM: Secret(WipedBytes(Array(pem.utf8))))
        let answer = SecretAnswer(["certificateId": "a\"b"], keyPair: pair)
        let json = try answer.json
        #expect(json["certificateId"] == "a\"b")
        #expect(json["keyPair"]?["PrivateKey"]?.stringValue == pem)
        #expect(
            json["keyPair"]?["PublicKey"]?.stringValue
                == "-----BEGIN PUBLIC KEY-----\nAQID\n-----END PUBLIC KEY-----\n")
        #expect(json.objectValue?.keys.count == 2)
        #expect("\(answer.body)" == "<redacted>")
    }

    @Test func anotherSecretStandsBesideWhatItIsOf() throws {
        let secret = Secret(WipedBytes(Array("a+/=".utf8)))
        let answer = SecretAnswer(["accessKeyId": "AKIA"], "secretAccessKey", secret)
        #expect(try answer.json == ["accessKeyId": "AKIA", "secretAccessKey": "a+/="])
    }
}
