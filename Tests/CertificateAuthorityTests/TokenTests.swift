import Fleet
import Synchronization
import Testing

@testable import CertificateAuthority

/// What a token's process may do to the service that asks it. What a sound one does is shown with a
/// real token in `Tests/Interop/test_token.py`.
@Suite struct TokenTests {
    private static let uri = "pkcs11:token=slipway;object=issuing"

    private func tokens(
        _ path: String, _ arguments: [String] = [], deadline: Duration = .seconds(600),
        observe: @escaping @Sendable (KeyURI, TokenCondition) -> Void = { _, _ in }
    ) -> Tokens {
        var access = TokenAccess()
        access.program = TokenAccess.Program(path: path, arguments: arguments)
        access.deadline = deadline
        access.pause = .zero
        return Tokens(access, pin: secret("1234"), observe: observe)
    }

    private func kind(_ tokens: Tokens) async throws -> TokenFailure.Kind? {
        let signer = try tokens.signer(for: KeyURI(Self.uri))
        await signer.probe()
        guard case .fails(let failure) = signer.condition else { return nil }
        return failure.kind
    }

    @Test func aProcessThatDoesNotStartEndsOrHangsIsAFailureToRetry() async throws {
        #expect(try await self.kind(self.tokens("/nowhere/at/all")) == .failed)
        #expect(try await self.kind(self.tokens("/bin/false")) == .lost)
        let hanging = self.tokens("/bin/sleep", ["600"], deadline: .milliseconds(50))
        #expect(try await self.kind(hanging) == .late)
        #expect(try await self.kind(hanging) == .late)
        // It says what it was told, which is no answer to it.
        #expect(try await self.kind(self.tokens("/bin/sh", ["-c", "exec cat <&3 >&3"])) == .lost)
    }

    @Test func aSignatureThatIsNotThereIsAServerErrorWithAReason() async throws {
        let key = try Deployment.shared.get().openIssuing().key.publicKey
        let signer = try self.tokens("/bin/false").signer(for: KeyURI(Self.uri))
        let authority = try SigningKey(on: signer, publicKey: key)
        #expect(authority.uri?.text == Self.uri)
        do throws(FleetError) {
            _ = try await signer.fulfil(.signature(digest: "SHA256", of: []), by: key.der)
            Issue.record("it was signed")
        } catch {
            #expect(error.code == .internalFailure)
            #expect(error.reason == .authorityKeyUnavailable)
            #expect(error.explainedReason.explanation.isRetryable)
            #expect(!error.message.contains("1234"))
        }
    }

    @Test func whoeverWaitsIsAnsweredWhenTheServiceStops() async throws {
        let tokens = self.tokens("/bin/sleep", ["600"], deadline: .seconds(3600))
        let signer = try tokens.signer(for: KeyURI(Self.uri))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    let answer: Result<[UInt8], FleetError>
                    do throws(FleetError) {
                        answer = .success(try await signer.fulfil(.publicKey, by: nil))
                    } catch { answer = .failure(error) }
                    #expect((try? answer.get()) == nil)
                }
            }
            tokens.close()
        }
    }

    @Test func eachChangeIsToldOnce() async throws {
        let told = Mutex<[TokenCondition]>([])
        let tokens = self.tokens("/bin/false") { _, condition in
            told.withLock { $0.append(condition) }
        }
        for _ in 0..<3 { #expect(try await self.kind(tokens) == .lost) }
        #expect(told.withLock { $0.count } == 1)
    }

    /// A token with a fault, or a module that lies: it answers, and is of no use.
    @Test func aTokenWhoseSignaturesDoNotVerifyIsNotSaidToAnswer() async throws {
        let publicKey = try Deployment.shared.get().openIssuing().key.publicKey
        var answers = TokenFrame.encoded(75, [publicKey.der])
        for _ in 0..<4 { answers += TokenFrame.encoded(71, [[0x30, 0]]) }
        let octal = answers.map { byte in
            "\\" + String(String(Int(byte) + 0o1000, radix: 8).suffix(3))
        }.joined()
        let tokens = self.tokens(
            "/bin/sh", ["-c", "printf '\(octal)' >&3; exec cat <&3 >/dev/null"])
        let signer = try tokens.signer(for: KeyURI(Self.uri))
        let key = try SigningKey(on: signer, publicKey: publicKey)
        await signer.probe()
        #expect(signer.condition == .answers)
        do throws(FleetError) {
            _ = try await key.signSuspending(
                StatusStatement(octets: [0x30, 0], start: 0, trailer: []))
            Issue.record("it was signed")
        } catch { #expect(error.reason == .authorityKeyUnavailable) }
        for _ in 0..<2 {
            guard case .fails(let failure) = signer.condition else {
                Issue.record("it is \(signer.condition)")
                return
            }
            #expect(failure.kind == .failed)
            // What a probe has signed is verified by nobody.
            await signer.probe()
        }
        signer.judged(nil)
        #expect(signer.condition == .answers)
    }

    @Test(arguments: [
        "pkcs11:object=a;pin-value=1234", "pkcs11:object=a?PIN-VALUE=1234",
        "pkcs11:object=a?pin-source=file:/1234", "file:/1234.pem", "FILE:1234.pem", "1234",
        ":1234", "pkcs11:", "pkcs11:object=1234 a", "9a:1234", "pkcs11:object=\u{e9}1234",
        "pkcs11:" + String(repeating: "1234", count: 200),
    ])
    func whatIsNoURIOfAKeyIsRefusedWithoutRepeatingIt(text: String) {
        do throws(FleetError) {
            _ = try KeyURI(text)
            Issue.record("\(text) was taken")
        } catch {
            #expect(error.code == .invalidRequest)
            #expect(!error.message.contains("1234"))
        }
    }

    @Test func framesAreReadAsTheyAreWrittenAndNothingElseIs() {
        let bytes = TokenFrame.encoded(83, [[1, 2, 3], []])
        let body = bytes.dropFirst(TokenFrame.lengthBytes)
        #expect(TokenFrame.length(bytes[...]) == body.count)
        let frame = TokenFrame(body: body)
        #expect(frame?.kind == 83)
        #expect(frame?.sections == [[1, 2, 3], []])
        for count in 0..<body.count where count != 1 && count != 8 {
            #expect(TokenFrame(body: body.prefix(count)) == nil)
        }
        #expect(TokenFrame(body: body + [0]) == nil)
        let opening = TokenFrame.encoded(79, [[7]], more: 4)
        #expect(TokenFrame.length(opening[...]) == opening.count - TokenFrame.lengthBytes + 4)
    }
}
