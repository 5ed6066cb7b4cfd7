import Fleet
import Logging
import Provisioning

/// One line for each thing that happened in the dialogue. A refusal names what the device was
/// told and, where that is less, what was not told.
struct ProvisioningLog: Sendable {
    let logger: Logger
    let attempts: AttemptLog

    /// A line that a hook wrote may be long; a hook that raises tells where and what.
    private static let hookLineScalarsMax = 1024

    func note(_ event: ProvisioningEvent) {
        switch event {
        case .certificateCreated(let id, let origin):
            self.logger.info(
                "certificate created",
                metadata: [
                    "certificate": "\(id)", "flow": "\(origin.flow.rawValue)",
                    "claim": "\(origin.claim?.rawValue ?? "-")",
                    "client": "\((origin.clientID ?? "-").clipped)",
                    "source": "\(origin.sourceAddress ?? "-")",
                ])
        case .thingRegistered(let registration):
            self.logger.info(
                registration.isReplay ? "thing registered before" : "thing registered",
                metadata: [
                    "thing": "\(registration.thing)",
                    "certificate": "\(registration.certificate)",
                    "template": "\(registration.template) v\(registration.templateVersion)",
                    "source": "\(registration.publisher.sourceAddress)",
                ])
        case .certificateRenewed(let renewed, let publisher):
            self.logger.info(
                renewed.isReplay ? "certificate renewed before" : "certificate renewed",
                metadata: [
                    "certificate": "\(renewed.certificate)", "renews": "\(renewed.predecessor)",
                    "client": "\(publisher.clientID.clipped)",
                    "source": "\(publisher.sourceAddress)",
                ])
        case .certificateWithdrawn(let id, let publisher, let error):
            self.log(withdrawn: id, publisher, error)
        case .refused(let refused): self.log(refused)
        case .hookLogged(let hook, let lines, let attempt):
            for line in lines {
                self.logger.info(
                    "hook",
                    metadata: [
                        "hook": "\(hook)", "line": "\(line.clipped(to: Self.hookLineScalarsMax))",
                        "correlationId": "\(attempt ?? "-")",
                    ])
            }
        case .hookAnswered(let trace, let attempt): self.log(trace, attempt)
        case .serialSeenAgain(let verdict, let publisher):
            self.logger.warning(
                "a serial number is seen again",
                metadata: [
                    "thing": "\(verdict.thing)", "finding": "\(verdict.finding.rawValue)",
                    "policy": "\(verdict.policy.rawValue)",
                    "certificate": "\(verdict.certificate)",
                    "holders": "\(verdict.holders.map(\.id.rawValue).joined(separator: " "))",
                    "claim": "\(publisher.principal)", "source": "\(publisher.sourceAddress)",
                ])
        case .attempted(let record): self.attempts.append(record)
        case .cloneSighted(let sighting, let policy):
            self.logger.warning(
                "a certificate is on two live connections",
                metadata: Self.facts(sighting).merging(["policy": "\(policy.rawValue)"]) { $1 })
        case .cloneNotRecorded(let sighting, let error):
            self.logger.error(
                "a certificate is on two live connections, and the store does not take it",
                metadata: Self.facts(sighting).merging(["error": "\(error)"]) { $1 })
        case .clockWentBack(let seconds):
            self.logger.critical(
                "the clock went back; nothing is issued until it has caught up",
                metadata: ["seconds": "\(seconds)"])
        case .clockCaughtUp: self.logger.notice("the clock has caught up; issuing goes on")
        case .refusalsNotAudited(let count):
            self.logger.error(
                "refusals are in this log only: the audit log could not take them",
                metadata: ["count": "\(count)"])
        }
    }
}

extension ProvisioningLog {
    private func log(_ refused: ProvisioningEvent.Refused) {
        self.logger.warning(
            "provisioning refused",
            metadata: [
                "operation": "\(refused.operation.rawValue)",
                "code": "\(refused.error.code.rawValue)",
                "message": "\(refused.error.message)", "cause": "\(refused.cause ?? "-")",
                "template": "\((refused.template ?? "-").clipped)",
                "claim": "\(refused.publisher.principal)",
                "client": "\(refused.publisher.clientID.clipped)",
                "source": "\(refused.publisher.sourceAddress)",
                "correlationId": "\(refused.attempt ?? "-")",
            ])
    }

    private func log(withdrawn id: CertificateID, _ publisher: Publisher, _ error: FleetError?) {
        self.logger.notice(
            error == nil
                ? "a certificate is withdrawn: its reply was not sent"
                : "a certificate whose reply was not sent stays until its token ends",
            metadata: [
                "certificate": "\(id)", "claim": "\(publisher.principal)",
                "client": "\(publisher.clientID.clipped)", "error": "\(error?.message ?? "-")",
            ])
    }

    private static func facts(_ sighting: CloneSighting) -> Logger.Metadata {
        let sessions = sighting.sessions.map { "\($0.clientID.clipped)@\($0.address)" }
        return [
            "certificate": "\(sighting.certificate)", "sign": "\(sighting.sign.rawValue)",
            "sessions": "\(sessions.joined(separator: " "))",
        ]
    }

    /// One line for each call of a hook, with its cost; a call that came to no end has none.
    private func log(_ trace: HookTrace, _ attempt: String?) {
        let outcome = trace.outcome
        self.logger.info(
            "hook answered",
            metadata: [
                "hook": "\(trace.hook)", "digest": "\(trace.digest.prefix(12))",
                "verdict": "\(outcome.verdict.word)", "reason": "\(outcome.reasonCode ?? "-")",
                "reads": "\(outcome.questions.count)",
                "instructions": "\(outcome.cost.map { "\($0.instructions)" } ?? "-")",
                "bytes": "\(outcome.cost.map { "\($0.bytes)" } ?? "-")",
                "microseconds": "\(outcome.cost.map { "\($0.microseconds)" } ?? "-")",
                "correlationId": "\(attempt ?? "-")",
            ])
    }
}
