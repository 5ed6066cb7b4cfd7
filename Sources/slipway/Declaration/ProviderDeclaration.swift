import ControlPlane
import Fleet
import JSON
import Registry

/// A certificate provider: the webhook that signs in the service's place.
struct ProviderDeclaration: DeclaredBehaviour {
    let members = ["lambdaFunctionArn", "tags"]

    func forEachName(
        _ access: ControlAccess, _ take: (String) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        try await self.forEach(
            Listing(ControlCall("ListCertificateProviders"), "certificateProviders", .whole, []),
            "certificateProviderName", access, take)
    }

    func current(
        _ name: String, _ access: ControlAccess
    ) async throws(FleetError) -> CurrentResource? {
        let call = ControlCall(
            "DescribeCertificateProvider", path: ["certificateProviderName": name])
        guard let answer = try await self.found(call, access) else { return nil }
        let arn = answer["certificateProviderArn"]?.stringValue
        return CurrentResource(
            state: .present(
                ("lambdaFunctionArn", answer["lambdaFunctionArn"]),
                ("tags", try await self.tags(arn, access))),
            arn: arn)
    }

    func references(_ state: JSONObject) -> [DeclaredReference] {
        guard let target = state["lambdaFunctionArn"]?.stringValue,
            let hook = try? HookScripts.name(calledBy: target)
        else { return [] }
        return [DeclaredReference(kind: .hook, name: hook.rawValue)]
    }

    func steps(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) -> [DeclaredStep] {
        let path = ["certificateProviderName": name]
        let target = wanted["lambdaFunctionArn"] ?? ""
        guard let current else {
            return [
                DeclaredStep(
                    ControlCall(
                        "CreateCertificateProvider", path: path,
                        body: .present(
                            ("lambdaFunctionArn", target),
                            ("accountDefaultForOperations", ["CreateCertificateFromCsr"]),
                            ("tags", self.making(tags: wanted)))))
            ]
        }
        var steps: [DeclaredStep] = []
        if current.state["lambdaFunctionArn"] != target {
            steps.append(
                DeclaredStep(
                    ControlCall(
                        "UpdateCertificateProvider", path: path,
                        body: ["lambdaFunctionArn": target])))
        }
        return steps + self.tagSteps(current, wanted)
    }
}
