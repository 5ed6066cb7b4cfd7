import Fleet
import FoundationEssentials
import Testing

@testable import Hooks

/// Hooks that are somebody's own service: what their file may say, and when they are left alone.
@Suite struct WebhookTests {
    private func webhook(_ source: String) throws(FleetError) -> Webhook {
        try Webhook(
            HookScript(
                name: HookName(checked: "line"), source: source, digest: "",
                createdAt: UnixTime(milliseconds: 0)))
    }

    @Test func aWholeFileIsRead() throws {
        let webhook = try self.webhook(
            """
            {"url": "https://factory.example:8443/slipway?line=3", "secret": "line-3",
             "timeoutMilliseconds": 250, "caFile": "factory.pem"}
            """)
        #expect(webhook.url.absoluteString == "https://factory.example:8443/slipway?line=3")
        #expect(webhook.timeoutMilliseconds == 250)
        #expect(webhook.secret == "line-3")
        #expect(webhook.caFile == "factory.pem")
        let short = try self.webhook(#"{"url": "https://a", "secret": "s"}"#)
        #expect(short.timeoutMilliseconds == 5000 && short.caFile == nil)
    }

    @Test(arguments: [
        ("{", "no JSON"), ("{}", "/url"), (#"{"url": "https://a"}"#, "/secret"),
        (#"{"url": "http://a", "secret": "s"}"#, "/url"),
        (#"{"url": "file:///etc/passwd", "secret": "s"}"#, "/url"),
        (#"{"url": "https://", "secret": "s"}"#, "/url"),
        (#"{"url": "https://me:word@a", "secret": "s"}"#, "/url"),
        (#"{"url": "https://a/#there", "secret": "s"}"#, "/url"),
        (#"{"url": 7, "secret": "s"}"#, "/url"),
        (#"{"url": "https://a", "secret": "../ca.key"}"#, "/secret"),
        (#"{"url": "https://a", "secret": ""}"#, "/secret"),
        (#"{"url": "https://a", "secret": "s", "timeoutMilliseconds": 49}"#, "/timeout"),
        (#"{"url": "https://a", "secret": "s", "timeoutMilliseconds": 30001}"#, "/timeout"),
        (#"{"url": "https://a", "secret": "s", "retries": 3}"#, "retries"),
        (#"{"url": "https://a", "secret": "s", "timeoutMilliseconds": "250"}"#, "/timeout"),
        (#"{"url": "https://a", "secret": "s", "timeoutMilliseconds": 250.5}"#, "/timeout"),
        (#"{"url": "https://a", "secret": "s", "timeoutMilliseconds": null}"#, "/timeout"),
        (#"{"url": "https://a", "secret": "s", "caFile": 7}"#, "/caFile"),
        (#"{"url": "https://a", "secret": "s", "caFile": ""}"#, "/caFile"),
        (#"{"url": "https://a:65536", "secret": "s"}"#, "/url"),
        (#"{"url": "https://a b", "secret": "s"}"#, "/url"),
        (#"{"url": "https://a/ä", "secret": "s"}"#, "/url"),
    ])
    func whatIsWrongIsNamed(source: String, place: String) {
        let error = #expect(throws: FleetError.self) { try self.webhook(source) }
        #expect(error?.message.contains(place) == true, "\(error?.message ?? "")")
        #expect(error?.code == .invalidRequest)
    }

    private func findings(_ source: String) -> [String] {
        WebhookLint.findings(source: source).map {
            "\($0.line):\($0.column ?? 0) \($0.kind.rawValue)"
        }
    }

    @Test func aCheckTellsAllThatIsWrongAndWhere() {
        #expect(self.findings(#"{"url": "https://a", "secret": "s"}"#) == [])
        #expect(
            self.findings(
                """
                {
                  "url": "http://a",
                  "timeoutMilliseconds": 5,
                  "retries": 3
                }
                """)
                == [
                    "1:1 missingMember", "2:3 wrongMember", "3:3 wrongMember",
                    "4:3 unknownMember",
                ])
        #expect(self.findings("{\n  \"url\": }") == ["2:10 syntax"])
        #expect(self.findings("[]") == ["1:1 wrongMember"])
        #expect(self.findings(#"{"url": "https://a", "url": "https://b"}"#).count == 1)
        let large = String(repeating: " ", count: Limits.hookSourceBytesMax) + "{}"
        #expect(self.findings(large) == ["1:0 tooLarge"])
    }

    @Test(arguments: [
        ("return function() end", false), ("  \n{\"url\": 1}", true), ("-- {", false),
        ("", false),
    ])
    func aBraceTellsItFromLua(source: String, isWebhook: Bool) {
        let script = HookScript(
            name: HookName(checked: "line"), source: source, digest: "",
            createdAt: UnixTime(milliseconds: 0))
        #expect(Webhook.describes(script) == isWebhook)
    }

    // MARK: The breaker

    private struct Line {
        private let start = ContinuousClock.now
        private var breaker = CircuitBreaker()

        /// Whether a question may be asked so long after the start.
        mutating func admits(after pause: Duration = .zero) -> Bool {
            self.breaker.admits(at: self.start + pause)
        }
        mutating func fails(_ times: Int = 1, after pause: Duration = .zero) {
            for _ in 0..<times { self.breaker.failed(at: self.start + pause) }
        }
        mutating func succeeds() { self.breaker.succeeded() }
    }

    private let pause = CircuitBreaker.pause
    private let moment = Duration.milliseconds(1)

    @Test func failuresInARowOpenIt() {
        var line = Line()
        line.fails(CircuitBreaker.failuresMax - 1)
        let isStillAsked = line.admits()
        // One that went well begins the count anew.
        line.succeeds()
        line.fails(CircuitBreaker.failuresMax - 1)
        let isAskedAgain = line.admits()
        line.fails()
        let answers = [line.admits(), line.admits(after: self.pause - self.moment)]
        #expect(isStillAsked && isAskedAgain)
        #expect(answers == [false, false])
    }

    @Test func afterThePauseOneQuestionFindsOut() {
        var line = Line()
        line.fails(CircuitBreaker.failuresMax)
        let half = [line.admits(after: self.pause), line.admits(after: self.pause)]
        #expect(half == [true, false])
        line.fails(after: self.pause)
        let second = [
            line.admits(after: self.pause * 2 - self.moment), line.admits(after: self.pause * 2),
        ]
        #expect(second == [false, true])
        line.succeeds()
        let closed = (0..<10).map { _ in line.admits(after: self.pause * 2) }
        #expect(closed.allSatisfy { $0 })
    }

    /// The one that finds out may never come back.
    @Test func aQuestionThatIsLostDelaysTheNextNoLongerThanThePause() {
        var line = Line()
        line.fails(CircuitBreaker.failuresMax)
        let answers = [line.admits(after: self.pause), line.admits(after: self.pause * 2)]
        #expect(answers == [true, true])
    }
}
