import Fleet
import JSON
import Policies
import Registry

/// The `Resources` section: one thing, one certificate, any number of policies. An operator's
/// template may do without the certificate.
extension TemplateParser {
    private static let types = [
        "AWS::IoT::Thing", "AWS::IoT::Certificate", "AWS::IoT::Policy",
    ]

    /// AWS takes a template that makes no thing. Here the thing is what tells that a serial number
    /// or a key has come before, and its name is what a device is answered (AWS: RegisterThing
    /// response, thingName).
    private static let lackOfThing =
        "no AWS::IoT::Thing: a device would be answered no thingName, and nothing would show that "
        + "its serial number has come before; add one, such as \"thing\": {\"Type\": "
        + "\"AWS::IoT::Thing\", \"Properties\": {\"ThingName\": {\"Ref\": \"SerialNumber\"}}}"

    /// A document of resources alone; the other sections are put in by the caller.
    mutating func resources(_ value: JSONValue, at section: JSONPointer) -> TemplateDocument? {
        var things: [TemplateDocument.ThingResource] = []
        var certificates: [TemplateDocument.CertificateResource] = []
        var policies: [TemplateDocument.PolicyResource] = []
        var declared = 0
        guard let resources = self.object(value, at: section, allowing: nil) else { return nil }
        for (name, value) in resources.members {
            let place = section.appending(name)
            guard
                let resource = self.object(
                    value, at: place, allowing: ["Type", "Properties", "OverrideSettings"])
            else { continue }
            declared += 1
            guard policies.count <= Limits.policiesPerCertificateMax else { continue }
            switch resource["Type"]?.stringValue {
            case "AWS::IoT::Thing":
                if let thing = self.thing(name, resource, at: place) { things.append(thing) }
            case "AWS::IoT::Certificate":
                if let found = self.certificate(name, resource, at: place) {
                    certificates.append(found)
                }
            case "AWS::IoT::Policy":
                if let policy = self.policy(name, resource, at: place) { policies.append(policy) }
            case let type:
                self.report(
                    "the Type is one of " + Self.types.joined(separator: ", "),
                    at: place.appending("Type"),
                    nearest: type.flatMap { NearestName.of($0, among: Self.types) })
            }
        }
        let complete = things.count + certificates.count + policies.count == declared
        if things.count > 1 { self.report("more than one AWS::IoT::Thing", at: section) }
        if certificates.count > 1 {
            self.report("more than one AWS::IoT::Certificate", at: section)
        }
        if policies.count > Limits.policiesPerCertificateMax {
            self.report(
                "more policies than a certificate can have: at most "
                    + "\(Limits.policiesPerCertificateMax)", at: section)
        }
        if complete, things.isEmpty {
            self.report(Self.lackOfThing, at: section, expected: "one AWS::IoT::Thing")
        }
        if complete, certificates.isEmpty { self.judgeWithoutCertificate(policies, at: section) }
        guard let thing = things.first else { return nil }
        return TemplateDocument(
            thing: thing, certificate: certificates.first, policies: policies)
    }

    // MARK: Thing

    private mutating func thing(
        _ logicalName: String, _ resource: JSONObject, at place: JSONPointer
    ) -> TemplateDocument.ThingResource? {
        let inside = place.appending("Properties")
        guard
            let properties = self.object(
                resource["Properties"] ?? [:], at: inside,
                allowing: [
                    "ThingName", "AttributePayload", "ThingTypeName", "ThingGroups",
                    "BillingGroup", "PackageVersions",
                ])
        else { return nil }
        let name: TemplateExpression?
        if let value = properties["ThingName"] {
            name = self.expressions.text(value, at: inside.appending("ThingName"))
        } else {
            self.report("ThingName is missing", at: inside)
            name = nil
        }
        // Without a name the rest is read all the same, for what is wrong with it.
        var thing = TemplateDocument.ThingResource(
            logicalName: logicalName,
            name: name ?? TemplateExpression(.literal(""), at: inside))
        thing.hasName = name != nil
        thing.statesAttributes = properties["AttributePayload"] != nil
        thing.statesGroups = properties["ThingGroups"] != nil
        if let payload = properties["AttributePayload"] {
            thing.attributes = self.attributePayload(
                payload, at: inside.appending("AttributePayload"))
        }
        thing.typeName = self.optionalText("ThingTypeName", of: properties, in: inside)
        thing.billingGroup = self.optionalText("BillingGroup", of: properties, in: inside)
        if let groups = properties["ThingGroups"] {
            let place = inside.appending("ThingGroups")
            if case .object = groups {
                thing.groupList = self.expressions.list(groups, at: place)
            } else {
                thing.groups = self.groups(groups, at: place)
            }
        }
        if let packages = properties["PackageVersions"] {
            thing.packageVersions = self.packageVersions(
                packages, at: inside.appending("PackageVersions"))
        }
        self.thingOverrides(resource["OverrideSettings"], of: &thing, at: place)
        self.things.append(thing)
        return name == nil ? nil : thing
    }

    /// AWS documents a flat map here; its own API wraps the same map in `attributes`, and templates
    /// are found in both forms.
    private mutating func attributePayload(
        _ value: JSONValue, at place: JSONPointer
    ) -> [TemplateDocument.Attribute] {
        if let object = value.objectValue, object.count == 1,
            let inner = object["attributes"], case .object(let wrapped) = inner,
            !ExpressionParser.isFunction(wrapped)
        {
            return self.checkedAttributes(inner, at: place.appending("attributes"))
        }
        return self.checkedAttributes(value, at: place)
    }

    private mutating func checkedAttributes(
        _ value: JSONValue, at place: JSONPointer
    ) -> [TemplateDocument.Attribute] {
        let attributes = self.attributes(value, at: place)
        for attribute in attributes {
            do { try ThingAttributes.check(name: attribute.name) } catch {
                self.report(error.message, at: place.appending(attribute.name))
            }
        }
        return attributes
    }

    /// AWS: PackageVersions, the version of each package by its name.
    private mutating func packageVersions(
        _ value: JSONValue, at place: JSONPointer
    ) -> [TemplateDocument.PackageVersion] {
        var versions: [TemplateDocument.PackageVersion] = []
        for wanted in self.attributes(value, at: place) {
            do throws(FleetError) {
                versions.append(
                    .init(try PackageName(wanted.name), version: wanted.value))
            } catch {
                self.report(error.message, at: place.appending(wanted.name), isAboutKey: true)
            }
        }
        return versions
    }

    private mutating func groups(
        _ value: JSONValue, at place: JSONPointer
    ) -> [TemplateExpression] {
        guard let elements = value.arrayValue else {
            self.report("expected a list of group names, found \(value.kindName)", at: place)
            return []
        }
        if elements.count > TemplateLimits.groupsMax {
            self.report(
                "\(elements.count) groups; at most \(TemplateLimits.groupsMax)", at: place)
        }
        return elements.enumerated().compactMap { index, element in
            self.expressions.text(element, at: place.appending(index))
        }
    }

    private mutating func thingOverrides(
        _ value: JSONValue?, of thing: inout TemplateDocument.ThingResource,
        at place: JSONPointer
    ) {
        let settings = self.overrides(
            value, at: place,
            allowing: [
                "AttributePayload": "AttributePayload", "ATTRIBUTE_PAYLOAD": "AttributePayload",
                "ThingTypeName": "ThingTypeName", "THING_TYPE_NAME": "ThingTypeName",
                "ThingGroups": "ThingGroups", "THING_GROUPS": "ThingGroups",
            ])
        thing.attributesOverride = settings["AttributePayload"]
        thing.typeOverride = settings["ThingTypeName"]
        thing.groupsOverride = settings["ThingGroups"]
        if thing.typeOverride == .merge {
            let key = value?["THING_TYPE_NAME"] == nil ? "ThingTypeName" : "THING_TYPE_NAME"
            self.report(
                "a thing has one type, which cannot be merged",
                at: place.appending("OverrideSettings").appending(key),
                expected: "DO_NOTHING, REPLACE or FAIL")
        }
    }

    /// AWS: OverrideSettings. Its guide spells the keys in two ways; both are taken.
    mutating func overrides(
        _ value: JSONValue?, at place: JSONPointer, allowing keys: [String: String]
    ) -> [String: TemplateDocument.Override] {
        guard let value else { return [:] }
        let inside = place.appending("OverrideSettings")
        var settings: [String: TemplateDocument.Override] = [:]
        for (key, value) in self.object(value, at: inside, allowing: keys.keys.sorted())?.members
            ?? []
        {
            guard let property = keys[key] else { continue }
            guard let text = value.stringValue,
                let setting = TemplateDocument.Override(rawValue: text)
            else {
                self.report(
                    "expected one of "
                        + TemplateDocument.Override.allCases.map(\.rawValue)
                        .joined(separator: ", "), at: inside.appending(key),
                    nearest: value.stringValue.flatMap {
                        NearestName.of(
                            $0, among: TemplateDocument.Override.allCases.map(\.rawValue))
                    })
                continue
            }
            guard settings[property] == nil else {
                self.report("\(property) is set twice", at: inside.appending(key))
                continue
            }
            settings[property] = setting
        }
        return settings
    }

    // MARK: Policy

    private mutating func policy(
        _ logicalName: String, _ resource: JSONObject, at place: JSONPointer
    ) -> TemplateDocument.PolicyResource? {
        let inside = place.appending("Properties")
        if resource["OverrideSettings"] != nil {
            self.report(
                "a policy has no OverrideSettings", at: place.appending("OverrideSettings"))
        }
        guard
            let properties = self.object(
                resource["Properties"] ?? [:], at: inside,
                allowing: ["PolicyName", "PolicyDocument"])
        else { return nil }
        let source: TemplateDocument.PolicyResource.Source?
        switch (properties["PolicyName"], properties["PolicyDocument"]) {
        case (let name?, nil):
            let text = self.expressions.text(name, at: inside.appending("PolicyName"))
            if let text { self.policyNames.append(text) }
            source = text.map { .name($0) }
        case (nil, let document?):
            source = self.policyDocument(document, at: inside.appending("PolicyDocument")).map {
                .document($0)
            }
        case (nil, nil), (.some, .some):
            self.report("exactly one of PolicyName and PolicyDocument belongs here", at: inside)
            source = nil
        }
        return source.map {
            TemplateDocument.PolicyResource(logicalName: logicalName, source: $0, pointer: inside)
        }
    }

    private mutating func optionalText(
        _ key: String, of properties: JSONObject, in place: JSONPointer
    ) -> TemplateExpression? {
        properties[key].flatMap { self.expressions.text($0, at: place.appending(key)) }
    }
}
