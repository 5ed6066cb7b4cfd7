import Fleet
import Foundation
import JSON
import Testing

@testable import Policies

/// The compiled evaluator and the literal one agree on a million questions.
///
/// A question is a document, a connection and a request. Documents and connections are dear in a
/// debug build and requests are cheap, so each document is asked about several connections, and
/// each of those about many requests: 1,000,000 questions in all, in shards that run beside one
/// another. `SLIPWAY_AGREEMENT_SEED` moves every shard to other documents; a failure prints the
/// seed of its shard.
@Suite struct AgreementTests {
    private static let questions = 1_000_000
    private static let shards = 8
    private static let connectionsPerDocument = 10
    private static let requestsPerConnection = 25

    private static let seed: UInt64 = {
        let given = ProcessInfo.processInfo.environment["SLIPWAY_AGREEMENT_SEED"]
        return given.flatMap { UInt64($0) } ?? 1
    }()

    @Test(arguments: 0..<Self.shards)
    func theCompiledEvaluatorAgreesWithTheLiteralOne(shard: Int) throws {
        let seed = Self.seed &+ UInt64(shard) &* 0x1_0000_0001
        var random = RandomPolicy(seed: seed)
        var seen: [ReferenceEvaluator.Answer: Int] = [:]
        var readers = 0
        let documents =
            Self.questions / Self.shards / Self.connectionsPerDocument / Self.requestsPerConnection
        for round in 0..<documents {
            let document = random.document()
            let text = JSONPrinter.print(document)
            let policy = CompiledPolicy(
                try PolicyDocument.parse(text, dialect: .access),
                name: PolicyName(checked: "p"), version: 1)
            readers += policy.readsCertificateFields ? 1 : 0
            for _ in 0..<Self.connectionsPerDocument {
                let context = random.context()
                let reference = ReferenceEvaluator(document, context)
                var known = context
                // What a gateway does not look up for such a policy.
                if !policy.readsCertificateFields { known.certificateFields = [:] }
                for _ in 0..<Self.requestsPerConnection {
                    let request = random.request()
                    let expected = reference.answer(
                        operation: request.operation, resource: request.resource.rawValue)
                    let answer = Self.answer(
                        PolicyEvaluator.decide(
                            policies: [policy], request: request, context: known))
                    seen[answer, default: 0] += 1
                    guard answer != expected else { continue }
                    Issue.record(
                        """
                        seed \(seed), document \(round): \(answer), expected \(expected)
                        \(text)
                        \(request.operation) \(request.resource)
                        \(context)
                        """)
                    return
                }
            }
        }
        print("agreement: seed \(seed), \(seen.values.reduce(0, +)) questions")
        // A generator that only ever meets one answer would prove nothing.
        let least = Self.questions / Self.shards / 20
        #expect(seen.count == 3 && seen.values.allSatisfy { $0 > least }, "\(seen)")
        #expect(readers > 0 && readers < documents, "\(readers) of \(documents) documents")
    }

    private static func answer(_ decision: Decision) -> ReferenceEvaluator.Answer {
        switch decision {
        case .allowed: .allowed
        case .implicitlyDenied: .implicitlyDenied
        case .explicitlyDenied: .explicitlyDenied
        }
    }
}
