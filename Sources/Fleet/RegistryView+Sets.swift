// What the keys that name a set found: nothing where the set is empty.

extension RegistryView {
    package func groupsOfThing(_ name: ThingName) -> [ThingGroupName] {
        if case .groups(let names)? = self.entry(.groupsOfThing(name))?.record { names } else { [] }
    }

    package func certificatesWithKey(_ key: PublicKeyFingerprint) -> [CertificateID] {
        if case .certificates(let ids)? = self.entry(.certificatesWithKey(key))?.record {
            ids
        } else {
            []
        }
    }

    package func authoritiesWithKey(_ key: PublicKeyFingerprint) -> [CertificateID] {
        if case .certificates(let ids)? = self.entry(.authoritiesWithKey(key))?.record {
            ids
        } else {
            []
        }
    }

    package func policiesOfTarget(_ target: PolicyTarget) -> [PolicyName] {
        if case .policies(let names)? = self.entry(.policiesOfTarget(target))?.record {
            names
        } else {
            []
        }
    }

    package func principalsOfThing(_ name: ThingName) -> [ThingPrincipal] {
        if case .thingPrincipals(let found)? = self.entry(.principalsOfThing(name))?.record {
            found
        } else {
            []
        }
    }

    package func thingsOfCertificate(_ id: CertificateID) -> [ThingPrincipal] {
        if case .thingPrincipals(let found)? = self.entry(.thingsOfCertificate(id))?.record {
            found
        } else {
            []
        }
    }

    package func documentOfThing(_ name: ThingName) -> FleetDocument? {
        if case .document(let found)? = self.entry(.documentOfThing(name))?.record {
            found
        } else {
            nil
        }
    }

    package var certificateProviders: [CertificateProvider] {
        if case .certificateProviders(let found)? = self.entry(.certificateProviders)?.record {
            found
        } else {
            []
        }
    }

    package func groupRecordsOfThing(_ name: ThingName) -> [ThingGroup] {
        if case .groupRecords(let found)? = self.entry(.groupRecordsOfThing(name))?.record {
            found
        } else {
            []
        }
    }

    package func childrenOfGroup(_ name: ThingGroupName) -> [ThingGroupName] {
        if case .groups(let names)? = self.entry(.childrenOfGroup(name))?.record {
            names
        } else {
            []
        }
    }

    package var dynamicGroups: [ThingGroupName] {
        if case .groups(let names)? = self.entry(.dynamicGroups)?.record { names } else { [] }
    }

    package func anyThingOfType(_ name: ThingTypeName) -> ThingName? {
        if case .things(let names)? = self.entry(.anyThingOfType(name))?.record {
            names.first
        } else {
            nil
        }
    }

    package func authoritiesWithSubject(_ subject: String) -> [CertificateID] {
        if case .certificates(let ids)? = self.entry(.authoritiesWithSubject(subject))?.record {
            ids
        } else {
            []
        }
    }

    package func anyTargetOfPolicy(_ name: PolicyName) -> PolicyTarget? {
        if case .policyTargets(let targets)? = self.entry(.anyTargetOfPolicy(name))?.record {
            targets.first
        } else {
            nil
        }
    }

    package func attachment(
        _ thing: ThingName, _ certificate: CertificateID
    ) -> ThingPrincipal? {
        self.firstPrincipal(.attachment(thing, certificate))
    }

    package func anyOtherThing(
        of certificate: CertificateID, besides thing: ThingName
    ) -> ThingPrincipal? {
        self.firstPrincipal(.anyOtherThing(certificate, besides: thing))
    }

    private func firstPrincipal(_ key: RecordKey) -> ThingPrincipal? {
        if case .thingPrincipals(let found)? = self.entry(key)?.record { found.first } else { nil }
    }

    package func versionsInUse(_ name: TemplateName) -> [Int: UnixTime] {
        if case .versionsInUse(let versions)? = self.entry(.versionsInUse(name))?.record {
            versions
        } else {
            [:]
        }
    }

    package func fileOfDeletedTemplate(_ name: TemplateName) -> String? {
        let entry = self.entry(.fileOfDeletedTemplate(name))
        if case .loadedDigest(let digest)? = entry?.record { return digest }
        return nil
    }

    package func versionsOfTemplate(_ name: TemplateName) -> [Int] {
        if case .versionNumbers(let numbers)? = self.entry(.versionsOfTemplate(name))?.record {
            numbers
        } else {
            []
        }
    }
}
