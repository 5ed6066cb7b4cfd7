package import Fleet
package import JSON

/// What came of an order: AWS RegisterThing's answer, and what a task's report says of its line.
package struct RegisteredDevice: Hashable, Sendable {
    package let thing: ThingName
    package let certificate: CertificateID?
    /// nil where the template has no certificate.
    package let certificatePEM: String?
    /// By the template's own names for its resources.
    package let resourceARNs: JSONObject
    /// What the template says to devices; whoever registers one passes it on.
    package let deviceConfiguration: JSONObject

    init(
        thing: ThingName, certificate: CertificateID?, certificatePEM: String?,
        resourceARNs: JSONObject, deviceConfiguration: JSONObject
    ) {
        self.thing = thing
        self.certificate = certificate
        self.certificatePEM = certificatePEM
        self.resourceARNs = resourceARNs
        self.deviceConfiguration = deviceConfiguration
    }

    /// AWS: `certificatePem` and `resourceArns`. `deviceConfiguration` is ours, and there only
    /// where the template has one.
    package var answer: JSONObject {
        var answer: JSONObject = [:]
        answer["certificatePem"] = self.certificatePEM.map { .string($0) }
        answer["resourceArns"] = .object(self.resourceARNs)
        if self.deviceConfiguration.count > 0 {
            answer["deviceConfiguration"] = .object(self.deviceConfiguration)
        }
        return answer
    }

    // MARK: The record of a task's line

    /// What is kept until the task's report holds the line. The certificate itself is kept anyway.
    func record(of line: RegistrationLine) -> RegisteredLine {
        RegisteredLine(
            line: line, thing: self.thing, certificate: self.certificate,
            answer: JSONPrinter.print([
                "resourceArns": .object(self.resourceARNs),
                "deviceConfiguration": .object(self.deviceConfiguration),
            ]))
    }

    /// - Throws: `FleetError.internalFailure` where the record cannot be read.
    init(
        _ record: RegisteredLine, certificatePEM: String?
    ) throws(FleetError) {
        guard let answer = try? JSONParser.parse(record.answer),
            let arns = answer["resourceArns"]?.objectValue,
            let configuration = answer["deviceConfiguration"]?.objectValue
        else {
            throw FleetError(.internalFailure, "the record of \(record.line) cannot be read")
        }
        self.init(
            thing: record.thing, certificate: record.certificate, certificatePEM: certificatePEM,
            resourceARNs: arns, deviceConfiguration: configuration)
    }
}
