package import Fleet
package import JSON

/// A provisioning template, understood: everything its text says, and nothing that it does not.
/// AWS: provisioning template.
package struct TemplateDocument: Hashable, Sendable {
    /// Who a template is for. The grammar is one; what differs is where the certificate comes from.
    package enum Purpose: Hashable, Sendable {
        /// A device registers itself: its certificate is the one that it has just been given.
        case fleet
        /// An operator registers devices (AWS: RegisterThing over REST, and bulk registration).
        case direct
    }

    package struct Parameter: Hashable, Sendable {
        package let name: String
        package let defaultValue: String?

        package init(name: String, defaultValue: String?) {
            self.name = name
            self.defaultValue = defaultValue
        }
    }

    package struct Attribute: Hashable, Sendable {
        package let name: String
        package let value: TemplateExpression

        package init(name: String, value: TemplateExpression) {
            self.name = name
            self.value = value
        }
    }

    /// What to do about a property of something that exists already (AWS: OverrideSettings).
    package enum Override: String, Hashable, Sendable, CaseIterable {
        case doNothing = "DO_NOTHING"
        case replace = "REPLACE"
        case fail = "FAIL"
        case merge = "MERGE"
    }

    /// A package that a thing is to have, and in which version.
    package struct PackageVersion: Hashable, Sendable {
        package let name: PackageName
        package let version: TemplateExpression

        package init(_ name: PackageName, version: TemplateExpression) {
            self.name = name
            self.version = version
        }
    }

    package struct ThingResource: Hashable, Sendable {
        package var logicalName: String
        package var name: TemplateExpression
        /// False while it is read, where the template gives it no name.
        var hasName = true
        package var attributes: [Attribute] = []
        package var typeName: TemplateExpression?
        package var groups: [TemplateExpression] = []
        /// Where the whole list is cut out of one text: `Fn::Split`.
        package var groupList: TemplateListExpression?
        /// Whether the template speaks of them at all: none that are written down are not the same
        /// as nothing said.
        package var statesAttributes = false
        package var statesGroups = false
        package var billingGroup: TemplateExpression?
        /// By package, the version that the thing is to have (AWS: PackageVersions).
        package var packageVersions: [PackageVersion] = []
        /// nil where the template is silent; then what differs is a conflict.
        package var attributesOverride: Override?
        package var typeOverride: Override?
        package var groupsOverride: Override?

        package init(logicalName: String, name: TemplateExpression) {
            self.logicalName = logicalName
            self.name = name
        }
    }

    package struct CertificateResource: Hashable, Sendable {
        package enum Source: Hashable, Sendable {
            /// `{"Ref": "AWS::IoT::Certificate::Id"}` in a fleet template.
            case presented
            /// `CertificateId`: one that is there.
            case existing(TemplateExpression)
            /// `CertificateSigningRequest`: one to be issued.
            case request(TemplateExpression)
            /// `CertificatePem`, and `CACertificatePem` where it is given: one that another
            /// authority made.
            case foreign(TemplateExpression, authority: TemplateExpression?)
        }

        package var logicalName: String
        package var source: Source
        /// `active` or `inactive`.
        package var status: Certificate.Status = .active
        package var exclusivity: ThingPrincipal.Exclusivity = .nonExclusive
        package var statusOverride: Override?

        package init(logicalName: String, source: Source = .presented) {
            self.logicalName = logicalName
            self.source = source
        }

        package var expressions: [TemplateExpression] {
            switch self.source {
            case .presented: []
            case .existing(let text), .request(let text): text.descendants
            case .foreign(let text, let authority):
                text.descendants + (authority?.descendants ?? [])
            }
        }
    }

    package struct PolicyResource: Sendable {
        package enum Source: Hashable, Sendable {
            /// A policy that must exist.
            case name(TemplateExpression)
            /// A policy that comes to be, called by its own digest.
            case document(TemplateTree)
        }
        package let logicalName: String
        package let source: Source
        package let pointer: JSONPointer
        /// The document, ready to be rendered; nil where the tree has to be walked.
        let program: PolicyProgram?

        package init(logicalName: String, source: Source, pointer: JSONPointer) {
            self.logicalName = logicalName
            self.source = source
            self.pointer = pointer
            if case .document(let tree) = source {
                self.program = PolicyProgram(tree)
            } else {
                self.program = nil
            }
        }
    }

    package var parameters: [Parameter]
    package var mappings: [String: [String: [String: String]]]
    package var thing: ThingResource
    /// Always there in a fleet template.
    package var certificate: CertificateResource?
    package var policies: [PolicyResource]
    package var deviceConfiguration: [Attribute]
    /// Under `Slipway`, which AWS's tools carry along.
    package var certificateDemands: CertificateDemands?
    package var lintExceptions: [LintException] = []

    package init(
        parameters: [Parameter] = [], mappings: [String: [String: [String: String]]] = [:],
        thing: ThingResource, certificate: CertificateResource?, policies: [PolicyResource] = [],
        deviceConfiguration: [Attribute] = []
    ) {
        self.parameters = parameters
        self.mappings = mappings
        self.thing = thing
        self.certificate = certificate
        self.policies = policies
        self.deviceConfiguration = deviceConfiguration
    }

    /// Every expression of the template.
    package var expressions: [TemplateExpression] {
        var roots = [self.thing.name] + self.thing.attributes.map(\.value) + self.thing.groups
        roots += [self.thing.typeName, self.thing.billingGroup].compactMap { $0 }
        roots += self.thing.groupList?.roots ?? []
        roots += self.thing.packageVersions.map(\.version)
        roots += self.deviceConfiguration.map(\.value)
        roots += self.certificateDemands?.expressions ?? []
        var all = roots.flatMap(\.descendants) + (self.certificate?.expressions ?? [])
        for policy in self.policies {
            switch policy.source {
            case .name(let name): all += name.descendants
            case .document(let tree): all += tree.descendants
            }
        }
        return all
    }
}

/// The program follows from the source.
extension TemplateDocument.PolicyResource: Hashable {
    package static func == (left: Self, right: Self) -> Bool {
        left.logicalName == right.logicalName && left.source == right.source
            && left.pointer == right.pointer
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(self.logicalName)
        hasher.combine(self.source)
        hasher.combine(self.pointer)
    }
}

/// Parameters that the service supplies. No device, hook or default can set one; an operator who
/// registers a certificate by its id says so by sending the first (AWS: RegisterThing).
package enum PseudoParameter: String, CaseIterable, Sendable {
    case certificateID = "AWS::IoT::Certificate::Id"
    /// AWS knows neither of these two in provisioning templates; here they spare a template from
    /// spelling out the account that it is loaded into.
    case region = "AWS::Region"
    case accountID = "AWS::AccountId"
}
