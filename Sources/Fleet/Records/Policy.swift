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
    package var versions: [Version]
    package var defaultVersionID: Int
    package let createdAt: UnixTime

    package init(
        name: PolicyName, versions: [Version], defaultVersionID: Int, createdAt: UnixTime
    ) {
        self.name = name
        self.versions = versions
        self.defaultVersionID = defaultVersionID
        self.createdAt = createdAt
    }

    package var defaultVersion: Version? {
        self.versions.first { $0.id == self.defaultVersionID }
    }
}

/// What a policy may be attached to. Things themselves carry none (AWS: AttachPolicy).
package enum PolicyTarget: Hashable, Sendable {
    case certificate(CertificateID)
    case thingGroup(ThingGroupName)
}
