import Registry

/// The plan that is being carried out, so that not every stage of it has to find its certificates
/// again. One at a time is kept: a plan of a million certificates takes a hundred megabytes.
package actor RevocationPlans {
    private var kept: RevocationPlan?

    package init() {}

    func keep(_ plan: RevocationPlan) { self.kept = plan }

    func plan(_ digest: String) -> RevocationPlan? {
        self.kept?.digest == digest ? self.kept : nil
    }

    func forget(_ digest: String) {
        if self.kept?.digest == digest { self.kept = nil }
    }
}
