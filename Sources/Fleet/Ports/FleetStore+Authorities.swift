extension FleetStore {
    /// Every authority there is, own and registered ones: they are few.
    package func authorities() async throws(FleetError) -> [Authority] {
        var found: [Authority] = []
        var after: String?
        repeat {
            let page = try await self.page(ListQuery(.authorities, after: after))
            for case .authority(let authority) in page.records { found.append(authority) }
            after = page.next
        } while after != nil
        return found
    }
}
