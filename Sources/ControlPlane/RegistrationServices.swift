package import Fleet
package import Provisioning

extension ControlPlaneServices {
    /// What registers devices by an operator's order.
    package struct Registration: Sendable {
        package let direct: DirectRegistration
        package let runner: RegistrationTaskRunner
        package let inputs: any RegistrationInputs
        package let links: ReportLinks

        package init(
            direct: DirectRegistration, runner: RegistrationTaskRunner,
            inputs: any RegistrationInputs, links: ReportLinks
        ) {
            self.direct = direct
            self.runner = runner
            self.inputs = inputs
            self.links = links
        }
    }

    func requireRegistration() throws(FleetError) -> Registration {
        guard let registration else {
            throw FleetError(
                .serviceUnavailable,
                "this needs the running service, which holds the authority's key: start it with "
                    + "'slipway serve'")
        }
        return registration
    }
}
