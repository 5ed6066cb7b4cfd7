package import Fleet

extension Provisioner {
    /// Takes back a certificate whose reply could not be sent: its key may never have left the
    /// service, and until its token's end it would count among those that its claim waits for. The
    /// same key may be asked for again.
    ///
    /// Where the store refuses, the sweep finds it once the token has ended.
    package func withdraw(_ handout: Handout, for publisher: Publisher) async {
        do throws(FleetError) {
            let isGone = try await self.settleWithdrawal(handout, for: publisher)
            if isGone { self.announce(.certificateWithdrawn(handout.certificate, publisher, nil)) }
        } catch {
            self.announce(.certificateWithdrawn(handout.certificate, publisher, error))
        }
    }

    private func settleWithdrawal(
        _ handout: Handout, for publisher: Publisher
    ) async throws(FleetError) -> Bool {
        try await self.settle { () async throws(FleetError) -> Bool in
            let key = RecordKey.ownershipToken(handout.token)
            let found = try await self.ports.store.load([key]).ownershipToken(handout.token)
            guard let token = found, token.certificate == handout.certificate else { return false }
            let view = try await self.ports.store.load(PendingSweep.keys(of: token))
            guard let set = PendingSweep.withdrawal(of: token, in: view) else { return false }
            _ = try await self.ports.store.commit(
                set, by: .principal(publisher.principal, from: publisher.sourceAddress))
            return true
        }
    }
}

extension CreatedCertificate {
    /// What is taken back where the reply does not reach the device.
    var handout: Handout {
        Handout(
            certificate: self.certificate,
            token: self.ownershipToken.expose { OwnershipTokenMint.hash(of: $0) })
    }
}
