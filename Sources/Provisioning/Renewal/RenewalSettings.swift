/// When a device may have its certificate renewed, and how long two of them speak for it.
package struct RenewalSettings: Hashable, Sendable {
    /// How long before its end a certificate may be renewed; 0: nobody renews.
    package var windowSeconds: Int64 = 30 * 86_400
    /// How long the old certificate goes on beside a new one that nobody has seen.
    package var overlapSeconds: Int64 = 7 * 86_400
    /// How long after its end a certificate may still be used to renew it.
    package var graceSeconds: Int64 = 0
    /// A device gets one new certificate in this time.
    package var intervalSeconds: Int64 = 300

    package init() {}
}
