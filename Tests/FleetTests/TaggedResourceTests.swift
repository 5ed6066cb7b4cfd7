import Fleet
import TestSupport
import Testing

@Suite struct TaggedResourceTests {
    static let all: [(TaggedResource, String)] = [
        (.thingType(ThingTypeName(checked: "pump")), "thingtype/pump"),
        (.thingGroup(ThingGroupName(checked: "a:b")), "thinggroup/a:b"),
        (.billingGroup(BillingGroupName(checked: "north")), "billinggroup/north"),
        (.policy(PolicyName(checked: "p+q")), "policy/p+q"),
        (.template(TemplateName(checked: "line")), "provisioningtemplate/line"),
        (.authority(Samples.certificateID(1)), "cacert/\(Samples.certificateID(1))"),
        (
            .certificateProvider(CertificateProviderName(checked: "p")), "certificateprovider:p"
        ),
    ]

    @Test(arguments: Self.all)
    func aResourceIsFoundByItsARN(_ resource: TaggedResource, _ path: String) throws {
        let realm = Realm.standard
        #expect(resource.path == path)
        #expect(try realm.taggedResource(inARN: realm.tagged(resource).rawValue) == resource)
    }

    @Test func aCertificateProviderIsNamedEitherWay() throws {
        #expect(
            try TaggedResource(path: "certificateprovider/p")
                == .certificateProvider(CertificateProviderName(checked: "p")))
    }

    @Test(arguments: [
        "", "arn:aws:iot:local:000000000000:", "arn:aws:iot:elsewhere:000000000000:policy/p",
        "arn:aws:iot:local:000000000001:policy/p", "arn:aws:iot:local:000000000000:policy/",
        "arn:aws:iot:local:000000000000:thing/t", "arn:aws:iot:local:000000000000:cert/00",
        "arn:aws:iot:local:000000000000:policy/a b", "policy/p",
    ])
    func whatCarriesNoTagsIsRefused(_ text: String) {
        let error = #expect(throws: FleetError.self) {
            try Realm.standard.taggedResource(inARN: text)
        }
        #expect(error?.code == .invalidRequest)
    }
}
