/// A policy with all its versions; the default one is what decides.
package struct Policy: Hashable, Sendable {
    package struct Version: Hashable, Sendable {
        package let id: Int
        /// The document as it was given, byte for byte.
        package let document: String
        package let createdAt: UnixTime

        package init(id: Int, document: String, createdAt: UnixTime) {
            self.id = id
            self.document = document
            self.createdAt = createdAt
        }
    }

    package let name: PolicyName
    package private(set) var versions: [Version]
    package private(set) var defaultVersionID: Int
    /// The highest number that a version ever had: one that is gone is not given again, since
    /// logs and audit records name versions by it.
    package private(set) var latestVersionID: Int
    package let createdAt: UnixTime
    /// When a version came, went, or became the default.
    package private(set) var lastModifiedAt: UnixTime

    /// - Parameters:
    ///   - latestVersionID: nil where no version is gone.
    ///   - lastModifiedAt: nil for a policy that never changed.
    package init(
        name: PolicyName, versions: [Version], defaultVersionID: Int,
        latestVersionID: Int? = nil, createdAt: UnixTime, lastModifiedAt: UnixTime? = nil
    ) {
        self.name = name
        self.versions = versions
        self.defaultVersionID = defaultVersionID
        self.latestVersionID = max(
            latestVersionID ?? 0, versions.map(\.id).max() ?? defaultVersionID)
        self.createdAt = createdAt
        self.lastModifiedAt = lastModifiedAt ?? createdAt
    }

    package var defaultVersion: Version? { self.version(self.defaultVersionID) }

    package func version(_ id: Int) -> Version? { self.versions.first { $0.id == id } }

    // MARK: What the changes of a policy mean

    /// `Change.addPolicyVersion`.
    package mutating func add(_ version: Version, isDefault: Bool) {
        self.versions.append(version)
        self.latestVersionID = max(self.latestVersionID, version.id)
        if isDefault { self.defaultVersionID = version.id }
        self.lastModifiedAt = version.createdAt
    }

    /// `Change.setDefaultPolicyVersion`.
    package mutating func setDefault(_ id: Int, at now: UnixTime) {
        self.defaultVersionID = id
        self.lastModifiedAt = now
    }

    /// `Change.deletePolicyVersion`.
    package mutating func deleteVersion(_ id: Int, at now: UnixTime) {
        self.versions.removeAll { $0.id == id }
        self.lastModifiedAt = now
    }
}

/// What a policy may be attached to. Things themselves carry none (AWS: AttachPolicy).
package enum PolicyTarget: Hashable, Sendable {
    case certificate(CertificateID)
    case thingGroup(ThingGroupName)

    /// The record that must be there.
    package var key: RecordKey {
        switch self {
        case .certificate(let id): .certificate(id)
        case .thingGroup(let name): .thingGroup(name)
        }
    }
}

extension Realm {
    package func target(_ target: PolicyTarget) -> ARN {
        switch target {
        case .certificate(let id): self.certificate(id)
        case .thingGroup(let name): self.thingGroup(name)
        }
    }

    /// - Throws: `FleetError.invalidRequest` where the ARN names nothing that carries policies.
    package func policyTarget(inARN text: String) throws(FleetError) -> PolicyTarget {
        let path = try self.resourcePath(inARN: text)
        let parts = path.split(separator: "/", maxSplits: 1).map(String.init)
        switch (parts.first, parts.count) {
        case ("cert", 2): return .certificate(try CertificateID(parts[1]))
        case ("thinggroup", 2): return .thingGroup(try ThingGroupName(parts[1]))
        case (_, _):
            throw FleetError(
                .invalidRequest,
                "policies are attached to certificates and thing groups, not to '\(path.clipped)'",
                resource: text.clipped)
        }
    }
}
