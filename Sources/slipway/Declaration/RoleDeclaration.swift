import ControlPlane
import Fleet
import JSON
import Policies

struct RoleDeclaration: DeclaredBehaviour {
    let members = ["document"]

    func forEachName(
        _ access: ControlAccess, _ take: (String) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        let listing = Listing(ControlCall("ListRoles"), "roles", .after(sized: false), [])
        try await listing.forEach(access) { role throws(FleetError) in
            guard role["builtIn"]?.boolValue != true, let name = role["name"]?.stringValue else {
                return
            }
            try await take(name)
        }
    }

    func current(
        _ name: String, _ access: ControlAccess
    ) async throws(FleetError) -> CurrentResource? {
        let call = ControlCall("DescribeRole", path: ["roleName": name])
        guard let answer = try await self.found(call, access) else { return nil }
        return CurrentResource(
            state: .present(("document", .document(answer["document"]?.stringValue))))
    }

    func check(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) throws(FleetError) {
        guard current?.state["document"] != wanted["document"] else { return }
        _ = try PolicyDocument.parse(
            wanted["document"]?.documentText ?? "",
            dialect: .access.knowing(OperationTable.all.map(\.action)))
    }

    func steps(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) -> [DeclaredStep] {
        guard current?.state["document"] != wanted["document"] else { return [] }
        return [
            DeclaredStep(
                ControlCall(
                    "PutRole", path: ["roleName": name],
                    body: ["document": .string(wanted["document"]?.documentText ?? "")]))
        ]
    }
}
