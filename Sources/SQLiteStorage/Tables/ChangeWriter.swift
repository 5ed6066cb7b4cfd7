internal import Fleet
internal import GRDB

/// Makes one change true as part of commit `revision`. Removing what is not there does nothing; a
/// change that needs a record which is not there is a conflict.
struct ChangeWriter {
    let db: Database
    let revision: Revision

    func apply(_ change: Change) throws {
        do { try self.write(change) } catch let error as DatabaseError
            where error.extendedResultCode == .SQLITE_CONSTRAINT_FOREIGNKEY
        {
            throw FleetError.conflict("\(Self.subject(change)) needs a record that does not exist")
        }
    }

    private func write(_ change: Change) throws {
        let (db, revision) = (self.db, self.revision)
        switch change {
        case .putThing(let record): try ThingTables.put(record, revision, db)
        case .deleteThing(let name): try ThingTables.deleteThing(name, db)
        case .putThingType(let record): try ThingTables.put(record, revision, db)
        case .deleteThingType(let name): try ThingTables.deleteThingType(name, db)
        case .putThingGroup(let record): try GroupTables.put(record, revision, db)
        case .deleteThingGroup(let name): try GroupTables.deleteGroup(name, db)
        case .addThingToGroup(let thing, let group): try GroupTables.add(thing, to: group, db)
        case .removeThingFromGroup(let thing, let group):
            try GroupTables.remove(thing, from: group, db)
        case .putBillingGroup(let record): try GroupTables.put(record, revision, db)
        case .setBillingGroup(let thing, let group):
            try GroupTables.set(group, of: thing, revision, db)
        case .deleteBillingGroup(let name):
            try GroupTables.deleteBillingGroup(name, revision, db)
        case .putCertificateProvider(let record):
            try CertificateProviderTable.put(record, revision, db)
        case .deleteCertificateProvider(let name):
            try CertificateProviderTable.delete(name, db)
        case .setTags(let resource, let tags): try TagTables.set(resource, tags, revision, db)
        case .putEventConfigurations(let record): try TagTables.put(record, revision, db)
        case .putIndexingConfiguration(let record): try IndexingTable.put(record, revision, db)
        case .putPolicy(let record): try PolicyTables.put(record, revision, db)
        case .addPolicyVersion(let name, let version, let isDefault):
            try PolicyTables.add(version, to: name, isDefault: isDefault, revision, db)
        case .setDefaultPolicyVersion(let name, let id, let time):
            try PolicyTables.setDefault(id, of: name, at: time, revision, db)
        case .deletePolicyVersion(let name, let id, let time):
            try PolicyTables.deleteVersion(id, of: name, at: time, revision, db)
        case .deletePolicy(let name): try PolicyTables.deletePolicy(name, db)
        case .attachPolicy(let policy, let target):
            try PolicyTables.attach(policy, to: target, db)
        case .detachPolicy(let policy, let target):
            try PolicyTables.detach(policy, from: target, db)
        case .attachThingPrincipal(let record): try PolicyTables.attach(record, revision, db)
        case .detachThingPrincipal(let thing, let id): try PolicyTables.detach(thing, id, db)
        case .recordFinding(let record): try FindingTable.record(record, revision, db)
        case .putRenewal(let record): try RenewalTable.put(record, revision, db)
        case .putCertificate, .setCertificateStatus, .setProvenance, .recordFirstSeen,
            .deleteCertificate, .putRevocation, .releaseHold, .noteKeyWeakness:
            try self.writeCertificate(change)
        case .putClaim, .deleteClaim, .putClaimTerms, .spendClaim, .setClaimSpent:
            try self.writeClaim(change)
        case .putAuthority(let record): try CertificateTables.put(record, revision, db)
        case .deleteAuthority(let id): try CertificateTables.deleteAuthority(id, db)
        case .putRegistrationCode(let record): try TagTables.put(record, revision, db)
        case .deleteRegistrationCode: try TagTables.deleteRegistrationCode(db)
        case .putTemplate(let record): try ProvisioningTables.put(record, revision, db)
        case .deleteTemplate(let name): try ProvisioningTables.deleteTemplate(name, db)
        case .putTemplateVersion(let record): try ProvisioningTables.put(record, revision, db)
        case .deleteTemplateVersion(let name, let id):
            try ProvisioningTables.deleteVersion(name, id, db)
        case .putHook(let record): try ProvisioningTables.put(record, revision, db)
        case .putOwnershipToken(let record): try ProvisioningTables.put(record, revision, db)
        case .redeemOwnershipToken(let hash, let redemption):
            try ProvisioningTables.redeem(hash, redemption, revision, db)
        case .deleteOwnershipToken(let hash): try ProvisioningTables.deleteToken(hash, db)
        case .putAccessKey(let record): try AccessTables.put(record, revision, db)
        case .deleteAccessKey(let id): try AccessTables.deleteKey(id, db)
        case .putRole(let record): try AccessTables.put(record, revision, db)
        case .deleteRole(let name): try AccessTables.deleteRole(name, db)
        case .putRegistrationTask, .setRegistrationTaskState, .deleteRegistrationTask,
            .recordRegisteredLine, .forgetRegisteredLines:
            try self.writeRegistrationTask(change)
        case .publishAllowlist, .addAllowlistEntries, .removeAllowlistEntries,
            .setAllowlistStanding:
            try self.writeAllowlist(change)
        }
    }

    private func writeClaim(_ change: Change) throws {
        let (db, revision) = (self.db, self.revision)
        if case .putClaim(let record) = change {
            try CertificateTables.put(record, revision, db)
        } else if case .deleteClaim(let id) = change {
            try CertificateTables.deleteClaim(id, db)
        } else if case .putClaimTerms(let record) = change {
            try ClaimTables.put(record, revision, db)
        } else if case .spendClaim(let spend) = change {
            try ClaimTables.spend(spend, db)
        } else if case .setClaimSpent(let name, let units) = change {
            try ClaimTables.setSpent(units, of: name, db)
        }
    }

    private func writeCertificate(_ change: Change) throws {
        let (db, revision) = (self.db, self.revision)
        if case .putCertificate(let record) = change {
            try CertificateTables.put(record, revision, db)
        } else if case .setCertificateStatus(let id, let status, let reason, let time) = change {
            try CertificateTables.setStatus(id, status, reason: reason, at: time, revision, db)
        } else if case .setProvenance(let id, let provenance) = change {
            try CertificateTables.setProvenance(id, provenance, revision, db)
        } else if case .recordFirstSeen(let id, let time) = change {
            try CertificateTables.recordFirstSeen(id, at: time, revision, db)
        } else if case .deleteCertificate(let id) = change {
            try CertificateTables.delete(id, db)
        } else if case .putRevocation(let record) = change {
            try RevocationTable.put(record, revision, db)
        } else if case .releaseHold(let id) = change {
            try RevocationTable.releaseHold(id, db)
        } else if case .noteKeyWeakness(let key, let weakness) = change {
            try KeyTable.note(weakness, of: key, revision, db)
        }
    }

    private func writeRegistrationTask(_ change: Change) throws {
        let (db, revision) = (self.db, self.revision)
        if case .putRegistrationTask(let record) = change {
            try TaskTables.put(record, revision, db)
        } else if case .setRegistrationTaskState(let id, let state) = change {
            try TaskTables.set(id, state, revision, db)
        } else if case .deleteRegistrationTask(let id) = change {
            try TaskTables.delete(id, db)
        } else if case .recordRegisteredLine(let record) = change {
            try TaskTables.record(record, revision, db)
        } else if case .forgetRegisteredLines(let id, let number) = change {
            try TaskTables.forgetLines(of: id, through: number, db)
        }
    }

    private func writeAllowlist(_ change: Change) throws {
        let (db, revision) = (self.db, self.revision)
        if case .publishAllowlist(let draft, let time) = change {
            try AllowlistTables.publish(draft, at: time, revision, db)
        } else if case .addAllowlistEntries(let list, let serials, let time) = change {
            try AllowlistTables.add(serials, to: list, at: time, revision, db)
        } else if case .removeAllowlistEntries(let list, let serials, let time) = change {
            try AllowlistTables.remove(serials, from: list, at: time, revision, db)
        } else if case .setAllowlistStanding(let list, let serial, let standing) = change {
            try AllowlistUnitTables.set(standing, of: serial, on: list, revision, db)
        }
    }

    /// The change for a message: those that hang one record on another are the ones that can miss.
    private static func subject(_ change: Change) -> String {
        switch change {
        case .addThingToGroup(let thing, let group): "adding thing \(thing) to group \(group)"
        case .attachPolicy(let policy, let target): "attaching policy \(policy) to \(target)"
        case .addPolicyVersion(let name, let version, _):
            "adding version \(version.id) to policy \(name)"
        case .attachThingPrincipal(let record):
            "attaching certificate \(record.certificate) to thing \(record.thing)"
        case .setBillingGroup(let thing, _): "setting the billing group of thing \(thing)"
        case .putClaim(let claim): "claim \(claim.label.clipped)"
        case .recordRegisteredLine(let record): "\(record.line)"
        case .putOwnershipToken(let token): "a token for certificate \(token.certificate)"
        case .putRenewal(let record): "the renewal of certificate \(record.predecessor)"
        case .putThing, .deleteThing, .putThingType, .deleteThingType, .putThingGroup,
            .deleteThingGroup, .removeThingFromGroup, .putBillingGroup, .deleteBillingGroup,
            .putCertificateProvider, .deleteCertificateProvider, .setTags, .putEventConfigurations,
            .putIndexingConfiguration, .putCertificate,
            .setCertificateStatus,
            .setProvenance, .recordFirstSeen, .deleteCertificate, .putPolicy, .deletePolicy,
            .putRevocation, .recordFinding, .releaseHold, .noteKeyWeakness,
            .setDefaultPolicyVersion, .deletePolicyVersion,
            .detachPolicy, .detachThingPrincipal, .putTemplate, .deleteTemplate,
            .putTemplateVersion, .deleteTemplateVersion, .putHook, .deleteClaim, .putClaimTerms,
            .spendClaim, .setClaimSpent, .putAuthority,
            .deleteAuthority, .putRegistrationCode, .deleteRegistrationCode,
            .redeemOwnershipToken, .deleteOwnershipToken, .putAccessKey, .deleteAccessKey,
            .putRole, .deleteRole, .putRegistrationTask, .setRegistrationTaskState,
            .deleteRegistrationTask, .forgetRegisteredLines, .publishAllowlist,
            .addAllowlistEntries, .removeAllowlistEntries, .setAllowlistStanding:
            "the change"
        }
    }
}
