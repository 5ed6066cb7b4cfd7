/// A provisioning template's own record; its bodies are `TemplateVersion`s, each immutable.
package struct ProvisioningTemplate: Hashable, Sendable {
    /// AWS: TemplateType.
    package enum Kind: String, Sendable {
        case fleetProvisioning = "FLEET_PROVISIONING"
        case jitp = "JITP"
    }
    package let name: TemplateName
    package let kind: Kind
    package var summary: String
    package var enabled: Bool
    package var defaultVersionID: Int
    package var latestVersionID: Int
    package var hook: HookName?
    package let createdAt: UnixTime
    package var lastModifiedAt: UnixTime
    package var labels: Labels
    /// Digests of the file that was last loaded, its body's and its settings'; nil for a template
    /// that no file brought.
    package var loadedDigest: String?

    /// What AWS clients say about a template and want to hear again, though nothing here acts on
    /// it: the role that AWS would assume, and the ARN and version by which they named the hook.
    package struct Labels: Hashable, Sendable {
        package var roleARN: String?
        package var hookTarget: String?
        package var hookPayloadVersion: String?

        package init(
            roleARN: String? = nil, hookTarget: String? = nil, hookPayloadVersion: String? = nil
        ) {
            self.roleARN = roleARN
            self.hookTarget = hookTarget
            self.hookPayloadVersion = hookPayloadVersion
        }
    }

    package init(
        name: TemplateName, kind: Kind, summary: String, enabled: Bool, defaultVersionID: Int,
        latestVersionID: Int, hook: HookName?, createdAt: UnixTime, lastModifiedAt: UnixTime,
        labels: Labels = Labels(), loadedDigest: String? = nil
    ) {
        self.name = name
        self.kind = kind
        self.summary = summary
        self.enabled = enabled
        self.defaultVersionID = defaultVersionID
        self.latestVersionID = latestVersionID
        self.hook = hook
        self.createdAt = createdAt
        self.lastModifiedAt = lastModifiedAt
        self.labels = labels
        self.loadedDigest = loadedDigest
    }
}

package struct TemplateVersion: Hashable, Sendable {
    package let template: TemplateName
    package let id: Int
    package let body: String
    /// SHA-256 of the body, hex.
    package let digest: String
    package let createdAt: UnixTime
    /// Who handed it in, as the audit log names people; nil for one from before that was kept.
    package let author: String?
    /// Why, in the author's words.
    package let message: String?

    package init(
        template: TemplateName, id: Int, body: String, digest: String, createdAt: UnixTime,
        author: String? = nil, message: String? = nil
    ) {
        self.template = template
        self.id = id
        self.body = body
        self.digest = digest
        self.createdAt = createdAt
        self.author = author
        self.message = message
    }
}

/// A pre-provisioning hook: Lua source, named by what it is called and known by its digest.
package struct HookScript: Hashable, Sendable {
    package let name: HookName
    package let source: String
    /// SHA-256 of the source, hex.
    package let digest: String
    package let createdAt: UnixTime
    /// Who wrote this text, as `Actor.person` tells people apart; nil for one from before that was
    /// kept.
    package let author: String?
    /// Why, in the author's words.
    package let message: String?
    /// Counts the hook's texts from 1.
    package let version: Int
    package var approval: Approval?
    /// A hook that is not enabled lets nobody in.
    package var enabled: Bool
    /// The number of the newest text, which need not be this one.
    package var latestVersion: Int
    /// The digest of the file that was last loaded; nil for a hook that comes from no file.
    package var loadedDigest: String?

    /// Somebody has read this very text, and lets it judge devices.
    package struct Approval: Hashable, Sendable {
        package let approver: String
        package let approvedAt: UnixTime

        package init(approver: String, approvedAt: UnixTime) {
            self.approver = approver
            self.approvedAt = approvedAt
        }
    }

    package init(
        name: HookName, source: String, digest: String, createdAt: UnixTime,
        author: String? = nil, message: String? = nil, version: Int = 1,
        approval: Approval? = nil, enabled: Bool = true, latestVersion: Int? = nil,
        loadedDigest: String? = nil
    ) {
        self.message = message
        self.version = version
        self.enabled = enabled
        self.latestVersion = latestVersion ?? version
        self.loadedDigest = loadedDigest
        self.name = name
        self.source = source
        self.digest = digest
        self.createdAt = createdAt
        self.author = author
        self.approval = approval
    }
}

extension HookScript {
    /// The text as a version remembers it: without what is said of the hook as a whole.
    package var asVersion: HookScript {
        HookScript(
            name: self.name, source: self.source, digest: self.digest, createdAt: self.createdAt,
            author: self.author, message: self.message, version: self.version,
            approval: self.approval)
    }
}
