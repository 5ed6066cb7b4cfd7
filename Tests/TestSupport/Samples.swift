package import Fleet
internal import JSON

/// Records with plausible contents, numbered: the same number gives the same record.
package enum Samples {
    package static let time = ManualClock.start

    package static func digest(_ label: String, _ number: Int) -> [UInt8] {
        var seed: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in "\(label)/\(number)".utf8 { seed = (seed ^ UInt64(byte)) &* 0x100_0000_01B3 }
        var generator = SplitMix64(seed: seed)
        return (0..<32).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    }

    package static func thingName(_ number: Int) -> ThingName {
        ThingName(checked: "thing-\(number)")
    }
    package static func groupName(_ number: Int) -> ThingGroupName {
        ThingGroupName(checked: "group-\(number)")
    }
    package static func policyName(_ number: Int) -> PolicyName {
        PolicyName(checked: "policy-\(number)")
    }
    package static func certificateID(_ number: Int) -> CertificateID {
        CertificateID(sha256: self.digest("certificate", number))
    }
    package static func fingerprint(_ number: Int) -> PublicKeyFingerprint {
        PublicKeyFingerprint(sha256: self.digest("key", number))
    }
    package static func tokenHash(_ number: Int) -> OwnershipTokenHash {
        OwnershipTokenHash(rawValue: self.digest("token", number).hex)
    }
    package static func resourceID(_ number: Int) -> ResourceID {
        ResourceID(random: Array(self.digest("resource", number).prefix(ResourceID.bytesCount)))
    }
    package static func typeName(_ number: Int) -> ThingTypeName {
        ThingTypeName(checked: "type-\(number)")
    }
    package static func billingGroupName(_ number: Int) -> BillingGroupName {
        BillingGroupName(checked: "billing-\(number)")
    }
    package static let listName = AllowlistName(checked: "lot-1")

    package static func serial(_ number: Int) -> SerialNumber {
        guard let serial = try? SerialNumber("SN-\(number)") else {
            preconditionFailure("'SN-' and digits obey the rule of serial numbers.")
        }
        return serial
    }

    package static func thing(_ number: Int, version: Int = 1) -> Thing {
        Thing(
            name: self.thingName(number), id: self.resourceID(number),
            typeName: number.isMultiple(of: 2) ? ThingTypeName(checked: "sensor") : nil,
            attributes: [
                "serial": "SN-\(number)", "colour": "blue \"and\" \u{0} green",
                "version": "v\(version)",
            ],
            billingGroup: number.isMultiple(of: 3) ? self.billingGroupName(0) : nil,
            version: version, createdAt: self.time)
    }

    package static func group(_ number: Int) -> ThingGroup {
        ThingGroup(
            name: self.groupName(number), id: self.resourceID(100 + number),
            ancestors: number > 0 ? [self.groupName(0)] : [], summary: "group \(number)",
            attributes: ["floor": "\(number)"], version: 1 + number, createdAt: self.time)
    }

    package static func dynamicGroup(_ number: Int) -> ThingGroup {
        ThingGroup(
            name: self.groupName(number), id: self.resourceID(200 + number), createdAt: self.time,
            query: ThingGroup.DynamicQuery(
                indexName: "AWS_Things", queryString: "attributes.serial:SN-*",
                queryVersion: "2017-09-30", status: .building))
    }

    package static func type(_ number: Int) -> ThingType {
        ThingType(
            name: self.typeName(number), id: self.resourceID(300 + number),
            summary: "type \(number)", searchableAttributes: ["serial", "colour"],
            propagatingAttributes: [
                PropagatingAttribute(
                    userPropertyKey: "serial", source: .thingAttribute("serial")),
                PropagatingAttribute(
                    userPropertyKey: "client", source: .connectionAttribute("iot:ClientId")),
            ], createdAt: self.time, deprecatedAt: UnixTime(milliseconds: -1))
    }

    package static func billingGroup(_ number: Int) -> BillingGroup {
        BillingGroup(
            name: self.billingGroupName(number), id: self.resourceID(400 + number),
            summary: number == 0 ? nil : "billing \(number)", version: 1 + number,
            createdAt: self.time)
    }

    package static func providerName(_ number: Int) -> CertificateProviderName {
        CertificateProviderName(checked: "provider-\(number)")
    }

    package static func provider(_ number: Int) -> CertificateProvider {
        CertificateProvider(
            name: self.providerName(number), target: "arn:aws:lambda:x:1:function:signer",
            hook: HookName(checked: "signer"), clientToken: number == 0 ? nil : "token",
            createdAt: self.time, lastModifiedAt: self.time.advanced(bySeconds: 1))
    }

    package static var indexingConfiguration: IndexingConfiguration {
        var things = IndexingConfiguration.Things(
            mode: .registryAndShadow, indexesConnectivity: true, indexesNamedShadows: true)
        things.namedShadowNames = ["cfg", "$package"]
        things.customFields = [
            IndexingConfiguration.CustomField(name: "attributes.temp", type: .number),
            IndexingConfiguration.CustomField(name: "attributes.on", type: .boolean),
        ]
        return IndexingConfiguration(
            things: things,
            thingGroups: IndexingConfiguration.ThingGroups(
                isOn: true,
                customFields: [
                    IndexingConfiguration.CustomField(name: "attributes.site", type: .string)
                ]))
    }

    package static let eventConfigurations = EventConfigurations(
        enabled: [.thing, .thingGroupHierarchy], createdAt: Samples.time,
        lastModifiedAt: Samples.time.advanced(bySeconds: 1))

    package static let registrationCode = RegistrationCode(
        text: Samples.digest("registration code", 1).hex, createdAt: Samples.time)

    package static func policy(_ number: Int, versions: Int = 1) -> Policy {
        Policy(
            name: self.policyName(number),
            versions: (1...max(1, versions)).map {
                Policy.Version(
                    id: $0, document: #"{"Version":"2012-10-17","Statement":[]}"#,
                    createdAt: self.time)
            },
            defaultVersionID: versions, createdAt: self.time)
    }

    package static func certificate(
        _ number: Int, kind: Certificate.Kind = .device,
        status: Certificate.Status = .pendingActivation, key: Int? = nil
    ) -> Certificate {
        Certificate(
            id: self.certificateID(number), kind: kind,
            serialNumber: self.digest("serial", number).prefix(20).hex,
            issuerID: number.isMultiple(of: 5) ? nil : self.certificateID(900),
            issuer: "CN=Issuing CA", subject: "CN=device \(number),O=Übung",
            publicKey: self.fingerprint(key ?? number), notBefore: self.time,
            notAfter: self.time.advanced(bySeconds: 86_400 * 365),
            pem: "-----BEGIN CERTIFICATE-----\n\(number)\n-----END CERTIFICATE-----\n",
            createdAt: self.time, status: status, statusChangedAt: self.time, statusReason: nil,
            provenance: self.provenance(number, registered: false), firstSeenAt: nil,
            version: 1 + number % 3)
    }

    /// One that a version of a template made a device's own.
    package static func registered(
        _ number: Int, status: Certificate.Status, by template: TemplateName, version: Int
    ) -> Certificate {
        var certificate = self.certificate(number, status: status)
        certificate.provenance = Provenance(
            origin: self.provenance(number, registered: false).origin,
            registration: Provenance.Registration(
                template: template, templateVersion: version,
                templateDigest: self.digest("template", version).hex, hook: nil, hookDigest: nil,
                allowlist: nil, allowlistVersion: nil, clientID: "client-\(number)",
                sourceAddress: "192.0.2.7", station: nil, lot: nil, parameters: [:],
                registeredAt: self.time))
        return certificate
    }

    package static func provenance(_ number: Int, registered: Bool) -> Provenance {
        let origin = Provenance.Origin(
            flow: .csr, claim: self.certificateID(800), clientID: "client-\(number)",
            sourceAddress: "192.0.2.7", requestedAt: self.time)
        guard registered else { return Provenance(origin: origin) }
        return Provenance(
            origin: origin,
            registration: Provenance.Registration(
                template: TemplateName(checked: "line"), templateVersion: 1,
                templateDigest: self.digest("template", 1).hex,
                hook: HookName(checked: "allowlist"), hookDigest: self.digest("hook", 1).hex,
                allowlist: self.listName, allowlistVersion: 3, clientID: "client-\(number)",
                sourceAddress: "192.0.2.7", station: "press-4", lot: nil,
                parameters: ["SerialNumber": "SN-\(number)", "quote": "\",\"x\":\""],
                registeredAt: self.time.advanced(bySeconds: 2)))
    }

    package static func renewal(_ number: Int, by successor: Int, settled: Bool = false) -> Renewal
    {
        Renewal(
            predecessor: self.certificateID(number), successor: self.certificateID(successor),
            renewedAt: self.time, overlapEndsAt: self.time.advanced(bySeconds: 60),
            settledAt: settled ? self.time.advanced(bySeconds: 30) : nil)
    }

    package static func principal(
        _ thing: Int, _ certificate: Int,
        _ exclusivity: ThingPrincipal.Exclusivity = .nonExclusive
    ) -> ThingPrincipal {
        ThingPrincipal(
            thing: self.thingName(thing), certificate: self.certificateID(certificate),
            exclusivity: exclusivity)
    }

    package static func taskID(_ number: Int) -> RegistrationTaskID {
        ResourceID(random: Array(self.digest("task", number).prefix(ResourceID.bytesCount)))
    }

    package static func task(
        _ number: Int, status: RegistrationTask.Status = .inProgress
    ) -> RegistrationTask {
        guard let input = try? RegistrationInput(bucket: "factory", key: "lots/\(number).ndjson")
        else { preconditionFailure("The bucket and the key obey AWS's patterns.") }
        return RegistrationTask(
            id: self.taskID(number), templateBody: "{\"n\": \(number)}", input: input,
            roleARN: "arn:aws:iam::000000000000:role/r", createsMissing: number.isMultiple(of: 2),
            startedBy: "alice", startedFrom: number.isMultiple(of: 3) ? nil : "192.0.2.\(number)",
            createdAt: self.time.advanced(bySeconds: Int64(number / 2)),
            state: self.taskState(number, status: status))
    }

    package static func taskState(
        _ number: Int, status: RegistrationTask.Status = .inProgress
    ) -> RegistrationTask.State {
        RegistrationTask.State(
            status: status, message: status == .failed ? "no such file" : nil,
            progress: RegistrationTask.Progress(
                inputBytes: number.isMultiple(of: 3) ? nil : 1000, lines: number,
                bytes: Int64(10 * number), successes: number, failures: 1, resultsBytes: 99,
                errorsBytes: 7), lastModifiedAt: self.time.advanced(bySeconds: 9))
    }

    package static func registeredLine(_ task: Int, _ number: Int) -> RegisteredLine {
        RegisteredLine(
            line: RegistrationLine(task: self.taskID(task), number: number),
            thing: self.thingName(number),
            certificate: number.isMultiple(of: 2) ? self.certificateID(number) : nil,
            answer: "{\"resourceArns\":{}}")
    }

    package static func token(_ number: Int, certificate: Int, seconds: Int64 = 3600)
        -> OwnershipToken
    {
        OwnershipToken(
            hash: self.tokenHash(number), certificate: self.certificateID(certificate),
            claim: self.certificateID(800), issuedAt: self.time,
            expiresAt: self.time.advanced(bySeconds: seconds))
    }

    package static func redemption(_ number: Int) -> OwnershipToken.Redemption {
        OwnershipToken.Redemption(
            template: TemplateName(checked: "line"), templateVersion: 1,
            parametersDigest: self.digest("parameters", number).hex,
            answer: #"{"thingName":"thing-\#(number)"}"#,
            redeemedAt: self.time.advanced(bySeconds: 1))
    }

    package static func template(_ name: String = "line") -> ProvisioningTemplate {
        ProvisioningTemplate(
            name: TemplateName(checked: name), kind: .fleetProvisioning, summary: "a line",
            enabled: true, defaultVersionID: 1, latestVersionID: 2,
            hook: HookName(checked: "allowlist"), createdAt: self.time, lastModifiedAt: self.time,
            labels: ProvisioningTemplate.Labels(
                roleARN: "arn:aws:iam::1:role/x", hookTarget: "arn:aws:lambda:::function:x",
                hookPayloadVersion: "2020-04-01"), loadedDigest: "ab cd")
    }

    package static func templateVersion(_ id: Int) -> TemplateVersion {
        TemplateVersion(
            template: TemplateName(checked: "line"), id: id, body: "{\"n\": \(id)}",
            digest: self.digest("template", id).hex, createdAt: self.time,
            author: "ada", message: id.isMultiple(of: 2) ? "why" : nil)
    }

    package static let hook = HookScript(
        name: HookName(checked: "allowlist"), source: "return { allowProvisioning = true }",
        digest: Samples.digest("hook", 1).hex, createdAt: Samples.time, author: "ada",
        approval: HookScript.Approval(approver: "grace", approvedAt: Samples.time))

    package static func accessKeyID(_ number: Int) -> AccessKeyID {
        AccessKeyID(checked: "AKIASAMPLE\(number)")
    }

    package static func accessKey(_ number: Int) -> AccessKey {
        AccessKey(
            id: self.accessKeyID(number), user: UserName(checked: "user-\(number)"),
            roles: ["auditor", "plant"].map { RoleName(checked: $0) },
            secret: SealedSecret(
                digest: self.digest("sealed", number).hex,
                ciphertext: self.digest("ciphertext", number)),
            createdAt: self.time, rotatedFrom: number > 1 ? self.accessKeyID(number - 1) : nil)
    }

    package static let role = AccessRole(
        name: RoleName(checked: "plant"),
        document: #"{"Version":"2012-10-17","Statement":[]}"#, createdAt: Samples.time,
        lastModifiedAt: Samples.time)

    package static func claim(_ number: Int) -> Claim {
        Claim(
            certificate: self.certificateID(number), label: "demo-line", station: "press-4",
            lot: nil, createdAt: self.time)
    }

    package static func authority(_ number: Int, status: Authority.Status = .active) -> Authority {
        Authority(
            id: self.certificateID(number), role: .issuing, subject: "CN=Issuing CA",
            publicKey: self.fingerprint(number), pem: "-----BEGIN CERTIFICATE-----\n",
            notBefore: self.time, notAfter: self.time.advanced(bySeconds: 1), status: status,
            createdAt: self.time.advanced(bySeconds: Int64(number)),
            registration: Authority.Registration(
                mode: .sniOnly, isAutomatic: true,
                config: Authority.RegistrationConfig(
                    templateBody: nil, templateName: TemplateName(checked: "line"),
                    roleARN: "role")),
            lastModifiedAt: self.time.advanced(bySeconds: 2000), version: 1 + number % 3)
    }

    package static func finding(
        _ number: Int, _ kind: EnrolmentFinding.Kind, _ policy: EnrolmentPolicy
    ) -> EnrolmentFinding {
        EnrolmentFinding(
            kind: kind, certificate: Self.certificateID(number), policy: policy,
            thing: number == 1 ? Self.thingName(1) : nil, at: Self.time,
            evidence: ["sign": "concurrent", "sessions": []])
    }
}
