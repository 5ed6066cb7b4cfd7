import Fleet
import MQTT

/// A certificate that has ended, and that is still let in to have itself renewed. The policy is
/// asked as ever; this comes on top of it.
extension ConnectionHandler {
    static let endedCause = "the certificate has ended: it may ask for its renewal, and no more"

    /// What speaks against the principal now. A connection that was let in before its
    /// certificate's end ends with it: what it subscribed to is not what a renewal may hear.
    func refusal(of record: PrincipalRecord) -> PrincipalRefusal? {
        let isOrdinary = self.phase == .live && !self.isRenewalOnly
        return record.refusal(
            at: self.environment.clock.now,
            graceSeconds: isOrdinary ? 0 : self.environment.settings.renewalGraceSeconds)
    }

    func isOpenToRenewal(_ topic: TopicName) -> Bool {
        !self.isRenewalOnly || self.environment.reserved.isOpenToEnded(topic: topic.text)
    }

    func isOpenToRenewal(_ filter: TopicFilter) -> Bool {
        !self.isRenewalOnly || self.environment.reserved.isOpenToEnded(filter: filter.text)
    }
}
